import { join } from 'node:path'
import { advance, type EventBatch, LineBuffer, linkBatch } from '../chain/batch.ts'
import type { ChainState } from '../chain/chain-state.ts'
import { segmentFile } from '../log/file-names.ts'
import type { FileSinkSettings } from './file-sink-settings.ts'
import { Segment } from './segment.ts'

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
