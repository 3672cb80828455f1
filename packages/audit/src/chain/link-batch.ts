import { fromBase64url } from '../merkle/tree-hash.ts'
import type { ChainState } from './chain-state.ts'
import type { EventBatch } from './event-batch.ts'
import type { LineBuffer } from './line-buffer.ts'

/** Records that continue a chain, and what the chain will be when they are kept. */
export interface LinkedRecords {
  /** One line a record. Valid until the buffer is used again. */
  readonly lines: Buffer
  /** Hashes of the records, in their order. */
  readonly hashes: readonly string[]
}

/** Makes the records of a batch, to stand after the last one of the chain. */
export function linkBatch(
  { last, tree }: ChainState,
  { bytes, ends, length }: EventBatch,
  buffer: LineBuffer,
): LinkedRecords {
  const hashes: string[] = []
  let prev = last
  let start = 0
  buffer.clear(ends.length, length)
  for (const end of ends) {
    prev = buffer.add(bytes.subarray(start, end), prev, tree.size + hashes.length + 1)
    hashes.push(prev)
    start = end
  }
  return { lines: buffer.lines, hashes }
}

/** Moves the end of a chain behind records that are kept now: those with these hashes. */
export function advance(state: ChainState, hashes: readonly string[]): void {
  state.last = hashes.at(-1) ?? state.last
  for (const digest of hashes) state.tree.add(fromBase64url(digest))
}
