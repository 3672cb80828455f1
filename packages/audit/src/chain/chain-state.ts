import { GrowingTree } from '../merkle/tree.ts'
import { firstPrev } from './record.ts'

/** The state of a chain: what the next record needs to know. */
export interface ChainState {
  readonly chain: string
  /** Hash of the last record. */
  last: string
  /** Holds the hash of every record; its size is the number of the last one. */
  readonly tree: GrowingTree
}

export function emptyChain(chain: string): ChainState {
  return { chain, last: firstPrev(chain), tree: new GrowingTree() }
}
