import { join } from 'node:path'
import { segmentFile } from '../log/file-names.ts'
import { fromBase64url } from '../merkle/tree-hash.ts'
import type { ChainState } from './chain-state.ts'
import type { EventBatch } from './event-batch.ts'
import type { FileSinkSettings } from './file-sink-settings.ts'
import { LineBuffer } from './line-buffer.ts'
import { Segment } from './segment.ts'

/** The segment that a chain goes on in. */
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
    const { state } = this
    const { last, hashes } = this.#buildLines(batch)
    const { lines } = this.#buffer
    if (this.#isFull(lines.byteLength)) await this.#rotate()
    await this.#segment.append(lines)
    state.last = last
    for (const digest of hashes) state.tree.add(fromBase64url(digest))
  }

  #buildLines({ bytes, ends, length }: EventBatch): { last: string; hashes: readonly string[] } {
    const hashes: string[] = []
    let { last } = this.state
    let start = 0
    this.#buffer.clear(ends.length, length)
    for (const end of ends) {
      const seq = this.state.tree.size + hashes.length + 1
      last = this.#buffer.add(bytes.subarray(start, end), last, seq)
      hashes.push(last)
      start = end
    }
    return { last, hashes }
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
