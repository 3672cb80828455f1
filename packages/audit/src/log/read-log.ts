import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isRecord } from '@onbehalf/core/internal'
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
 * Reads all records of one directory or of several, those of all chains merged by time, as the
 * clocks of their writers had it. Checks nothing: verify the log first. Lines that are not records
 * are passed over.
 */
export async function* readLog(
  directories: string | readonly string[],
): AsyncGenerator<StoredRecord, void, undefined> {
  const readers: Head['reader'][] = []
  for (const directory of [directories].flat()) {
    const names = await readdir(directory)
    for (const chain of chainsOf(names)) readers.push(readChain(directory, chain, names))
  }
  yield* mergeByTime(readers)
}

async function* mergeByTime(
  readers: readonly Head['reader'][],
): AsyncGenerator<StoredRecord, void, undefined> {
  const heads: (Head | undefined)[] = []
  // One after the other: a directory may hold more chains than a process may open files.
  for (const reader of readers) heads.push(await advance(reader))
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

// Every chain keeps this much in memory.
const chunkBytes = 65_536

async function* readSegment(
  directory: string,
  chain: string,
  file: string,
): AsyncGenerator<StoredRecord, void, undefined> {
  for await (const { text, line } of readLines(join(directory, file), { chunkBytes })) {
    const record = parseRecord(text)
    if (record !== undefined) yield { ...record, chain, file, line }
  }
}

/** Reads one line; undefined where it is not a record. */
export function parseRecord(text: string): LogRecord | undefined {
  try {
    const record: unknown = JSON.parse(text)
    return fits(record, recordShape) ? (record as LogRecord) : undefined
  } catch {
    return undefined
  }
}

/** Types of members by name; a name that ends in `?` may be absent. */
interface Shape {
  readonly [name: string]: 'string' | 'number' | Shape
}

// A log may hold any JSON that someone wrote into it: these are the members that readers use.
const recordShape: Shape = {
  event: {
    id: 'string',
    time: 'string',
    type: 'string',
    method: 'string',
    decision: { effect: 'string', 'guard?': 'string', 'reason?': 'string' },
    'principal?': { issuer: 'string', subject: 'string' },
    'organization?': { id: 'string' },
    'client?': 'string',
    'gateway?': { client: 'string' },
    'target?': { kind: 'string', name: 'string' },
    'outcome?': 'string',
    'durationMs?': 'number',
  },
  hash: 'string',
  prev: 'string',
  seq: 'number',
}

function fits(value: unknown, shape: Shape): boolean {
  if (!isRecord(value)) return false
  return Object.entries(shape).every(([key, type]) => {
    const name = key.replace('?', '')
    const member = value[name]
    if (member === undefined) return name !== key
    return typeof type === 'string' ? typeof member === type : fits(member, type)
  })
}
