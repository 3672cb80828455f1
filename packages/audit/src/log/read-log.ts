import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogRecord } from '../chain/record.ts'
import { chainsOf, segmentsOf } from './file-names.ts'
import { readLines } from './read-chunks.ts'

/** A record, and where it is. */
export interface StoredRecord extends LogRecord {
  readonly chain: string
  readonly file: string
  /** Counts from 1. */
  readonly line: number
}

/**
 * Reads all records of a directory, those of several chains merged by time. Checks nothing: verify
 * the log first. Lines that are not records are passed over.
 */
export async function* readLog(directory: string): AsyncGenerator<StoredRecord, void, undefined> {
  const names = await readdir(directory)
  const readers = chainsOf(names).map((chain) => readChain(directory, chain, names))
  try {
    yield* mergeByTime(readers)
  } finally {
    // A reader who stops early must not leave files open.
    await Promise.all(readers.map((reader) => reader.return()))
  }
}

async function* mergeByTime(
  readers: readonly Head['reader'][],
): AsyncGenerator<StoredRecord, void, undefined> {
  const heads = await Promise.all(readers.map(advance))
  for (;;) {
    const first = heads
      .filter((head) => head !== undefined)
      .reduce<Head | undefined>((a, b) => (a === undefined || isBefore(b, a) ? b : a), undefined)
    if (first === undefined) return
    yield first.record
    heads[heads.indexOf(first)] = await advance(first.reader)
  }
}

interface Head {
  readonly reader: AsyncGenerator<StoredRecord, void, undefined>
  readonly record: StoredRecord
}

function isBefore(a: Head, b: Head): boolean {
  return a.record.event.time < b.record.event.time
}

async function advance(reader: Head['reader']): Promise<Head | undefined> {
  const step = await reader.next()
  return step.done === true ? undefined : { reader, record: step.value }
}

async function* readChain(
  directory: string,
  chain: string,
  names: readonly string[],
): AsyncGenerator<StoredRecord, void, undefined> {
  for (const { file } of segmentsOf(names, chain)) yield* readSegment(directory, chain, file)
}

async function* readSegment(
  directory: string,
  chain: string,
  file: string,
): AsyncGenerator<StoredRecord, void, undefined> {
  for await (const { text, line } of readLines(join(directory, file))) {
    const record = parseRecord(text)
    if (record !== undefined) yield { ...record, chain, file, line }
  }
}

/** Reads one line; undefined where it is not a record. */
export function parseRecord(text: string): LogRecord | undefined {
  try {
    const record = JSON.parse(text) as LogRecord
    return typeof record?.event?.type === 'string' ? record : undefined
  } catch {
    return undefined
  }
}
