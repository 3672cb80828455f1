import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { chainsOf, type SegmentName, segmentsOf } from './file-names.ts'
import { parseRecord, type StoredRecord } from './read-log.ts'

/** Settings of {@link followLog}. */
export interface FollowLogOptions {
  /** Ends the reading. */
  readonly signal?: AbortSignal
  /** Begins with the records that are there already. Default: false. */
  readonly fromStart?: boolean
  /** Seconds between two looks. Default: 0.5. */
  readonly everySeconds?: number
}

const optionNames: OptionNames<FollowLogOptions> = {
  signal: true,
  fromStart: true,
  everySeconds: true,
}

interface Place {
  offset: number
  line: number
}

/** Reads records as they are written, by all processes, until the signal. Checks nothing. */
export async function* followLog(
  directory: string,
  options: FollowLogOptions = {},
): AsyncGenerator<StoredRecord, void, undefined> {
  assertOptions('followLog', options, optionNames)
  const { signal, fromStart = false, everySeconds = 0.5 } = options
  const places = new Map<string, Place>()
  if (!fromStart) await skipAll(directory, places)
  while (signal?.aborted !== true) {
    for (const segment of await listSegments(directory)) {
      yield* readOn(directory, segment, placeOf(places, segment.file))
    }
    await pause(everySeconds * 1000, undefined, signal && { signal }).catch(() => undefined)
  }
}

async function listSegments(directory: string): Promise<readonly SegmentName[]> {
  const names = await readdir(directory)
  return chainsOf(names).flatMap((chain) => segmentsOf(names, chain))
}

async function skipAll(directory: string, places: Map<string, Place>): Promise<void> {
  for (const segment of await listSegments(directory)) {
    const place = placeOf(places, segment.file)
    for await (const _ of readOn(directory, segment, place)) continue
  }
}

function placeOf(places: Map<string, Place>, file: string): Place {
  const place = places.get(file) ?? { offset: 0, line: 0 }
  places.set(file, place)
  return place
}

const chunkBytes = 1_048_576

async function* readOn(
  directory: string,
  { chain, file }: SegmentName,
  place: Place,
): AsyncGenerator<StoredRecord, void, undefined> {
  const path = join(directory, file)
  for (let length = chunkBytes; ; ) {
    const { size } = await stat(path)
    if (size <= place.offset) return
    const bytes = await readAt(path, place.offset, Math.min(length, size - place.offset))
    const end = bytes.lastIndexOf(0x0a) + 1
    // A line that is longer than what was read, or that is still being written.
    if (end === 0 && bytes.length < length) return
    if (end === 0) length *= 2
    place.offset += end
    yield* recordsIn(bytes.toString('utf8', 0, end), { chain, file }, place)
  }
}

function* recordsIn(
  text: string,
  origin: { readonly chain: string; readonly file: string },
  place: Place,
): Generator<StoredRecord, void, undefined> {
  for (const line of text.split('\n').slice(0, -1)) {
    place.line += 1
    const record = parseRecord(line)
    if (record !== undefined) yield { ...record, ...origin, line: place.line }
  }
}

async function readAt(path: string, position: number, length: number): Promise<Buffer> {
  const handle = await open(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(length)
    const { bytesRead } = await handle.read(buffer, 0, length, position)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
