import { dirname, join } from 'node:path'
import { advance, type EventBatch, LineBuffer, linkBatch } from '../chain/batch.ts'
import type { ChainState } from '../chain/record.ts'
import { segmentFile } from '../log/file-names.ts'
import type { FileSinkSettings } from './file-sink-settings.ts'
import type { LogFile, OpenFile } from './open-synchronized.ts'

/**
 * A file that grows by batches: each is on the disk when `append` resolves, or not in the file at
 * all. After a failure the file is cut back to its last good end before anything else is written,
 * here or in the file that follows it.
 */
export class Segment {
  readonly path: string
  readonly #open: OpenFile
  #file: LogFile | undefined
  #end: number
  #isMade: boolean
  /** Its name in the directory is on the disk. */
  #isListed: boolean
  /** It may hold bytes behind its good end. */
  #isDirty = false

  /** A file that is to be made, or that has `end` good bytes. */
  constructor(path: string, openFile: OpenFile, end?: number) {
    this.path = path
    this.#open = openFile
    this.#isMade = end !== undefined
    this.#isListed = this.#isMade
    this.#end = end ?? 0
  }

  /** Bytes of whole batches. */
  get size(): number {
    return this.#end
  }

  /** Makes the file now instead of at the first batch. */
  async open(): Promise<void> {
    if (this.#file === undefined) await this.#reopen()
  }

  async append(bytes: Uint8Array): Promise<void> {
    const file = this.#file ?? (await this.#reopen())
    try {
      await writeAll(file, bytes, this.#end)
      if (!file.syncsWrites) await file.datasync()
    } catch (error) {
      await this.#drop(file)
      throw error
    }
    this.#end += bytes.byteLength
  }

  /** Rejects while bytes that were refused cannot be cut off: the chain must not continue elsewhere. */
  async close(): Promise<void> {
    if (this.#isDirty) await this.#reopen()
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  // After a failed sync the kernel may call pages clean that it never wrote: a new descriptor, cut
  // and synchronized, is the way back to a known state.
  async #reopen(): Promise<LogFile> {
    const file = await this.#open(this.path, this.#isMade ? 'r+' : 'wx', 0o600)
    this.#isMade = true
    try {
      if (!this.#isListed) await syncDirectory(this.#open, dirname(this.path))
      this.#isListed = true
      await file.truncate(this.#end)
      await file.datasync()
    } catch (error) {
      await file.close().catch(() => undefined)
      throw error
    }
    this.#isDirty = false
    this.#file = file
    return file
  }

  // Cuts at once, so that a crash does not leave what was refused; reopening cuts for certain.
  async #drop(file: LogFile): Promise<void> {
    this.#file = undefined
    this.#isDirty = true
    await file.truncate(this.#end).catch(() => undefined)
    await file.close().catch(() => undefined)
  }
}

async function writeAll(file: LogFile, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < bytes.byteLength) {
    const left = bytes.byteLength - done
    const { bytesWritten } = await file.write(bytes, done, left, position + done)
    if (bytesWritten === 0) throw new Error('the file takes no more bytes')
    done += bytesWritten
  }
}

/** Makes a new name in a directory last; systems that cannot open one do not need it. */
async function syncDirectory(openFile: OpenFile, path: string): Promise<void> {
  if (process.platform === 'win32') return
  const directory = await openFile(path, 'r', 0)
  try {
    await directory.datasync()
  } finally {
    await directory.close()
  }
}

/** The segment that a chain continues in. */
export interface OpenEnd {
  readonly number: number
  /** Good bytes in it; undefined while the file is still to be made. */
  readonly size: number | undefined
}

/** Writes the records of one chain, segment after segment. */
export class ChainWriter {
  readonly state: ChainState
  readonly #settings: FileSinkSettings
  readonly #buffer = new LineBuffer()
  #number: number
  #segment: Segment
  // Milliseconds of a clock that never goes back.
  #begun = performance.now()

  constructor(settings: FileSinkSettings, state: ChainState, end: OpenEnd) {
    this.#settings = settings
    this.state = state
    this.#number = end.number
    this.#segment = this.#openSegment(end.size)
  }

  /** Appends one record for each event: all of them, or none and a rejection. */
  async append(batch: EventBatch): Promise<void> {
    const records = linkBatch(this.state, batch, this.#buffer)
    if (this.#isFull(records.lines.byteLength)) await this.#rotate()
    await this.#segment.append(records.lines)
    advance(this.state, records.hashes)
  }

  close(): Promise<void> {
    return this.#segment.close()
  }

  #isFull(more: number): boolean {
    const { size } = this.#segment
    if (size === 0) return false
    const { maxSegmentBytes, maxSegmentSeconds } = this.#settings
    const age = (performance.now() - this.#begun) / 1000
    return size + more > maxSegmentBytes || age >= maxSegmentSeconds
  }

  async #rotate(): Promise<void> {
    await this.#segment.close()
    this.#number += 1
    this.#segment = this.#openSegment(undefined)
    this.#begun = performance.now()
  }

  #openSegment(size: number | undefined): Segment {
    const { directory, openFile } = this.#settings
    return new Segment(join(directory, segmentFile(this.state.chain, this.#number)), openFile, size)
  }
}
