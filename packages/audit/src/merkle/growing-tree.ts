import { emptyRoot, leafHash, nodeHash } from './tree-hash.ts'

/**
 * A Merkle tree that only grows (RFC 9162 section 2.1): it keeps the roots of its complete
 * subtrees, one for each bit of its size.
 */
export class GrowingTree {
  /** Number of leaves. */
  size = 0
  // Largest subtree first.
  #peaks: string[] = []

  /** The tree of the given size with these complete subtrees, largest first. */
  static resume(size: number, peaks: readonly string[]): GrowingTree {
    const tree = new GrowingTree()
    tree.size = size
    tree.#peaks = [...peaks]
    return tree
  }

  /** Roots of the complete subtrees, largest first. */
  get peaks(): readonly string[] {
    return this.#peaks
  }

  /** Adds an entry; entries and digests are `latin1` strings. */
  add(entry: string): void {
    let digest = leafHash(entry)
    // Every trailing one bit of the size is a complete subtree that this leaf completes further.
    for (let rest = this.size; rest % 2 === 1; rest = (rest - 1) / 2) {
      digest = nodeHash(this.#peaks.pop() ?? '', digest)
    }
    this.#peaks.push(digest)
    this.size += 1
  }

  root(): string {
    return rootOf(this.#peaks)
  }
}

/** Root of the tree that has these complete subtrees, largest first. */
export function rootOf(peaks: readonly string[]): string {
  if (peaks.length === 0) return emptyRoot
  return peaks.reduceRight((right, left) => nodeHash(left, right))
}
