import { hash } from 'node:crypto'

const size = 32
const leafInput = Buffer.alloc(1 + size, 0x00)
const nodeInput = Buffer.alloc(1 + 2 * size, 0x01)

/**
 * Hash of a leaf, RFC 9162 section 2.1.1. Digests are 32 bytes as a `latin1` string, which is the
 * quickest form to pass between hashes.
 */
export function leafHash(entry: string): string {
  if (entry.length !== size)
    return hash('sha256', Buffer.from(`\0${entry}`, 'latin1'), 'latin1' as 'hex')
  leafInput.write(entry, 1, 'latin1')
  return hash('sha256', leafInput, 'latin1' as 'hex')
}

/**
 * Hash of an inner node, RFC 9162 section 2.1.1.
 *
 * @throws RangeError for what is not a digest: another length would mean another tree
 */
export function nodeHash(left: string, right: string): string {
  if (left.length !== size || right.length !== size) throw new RangeError('a digest has 32 bytes')
  nodeInput.write(left, 1, 'latin1')
  nodeInput.write(right, 1 + size, 'latin1')
  return hash('sha256', nodeInput, 'latin1' as 'hex')
}

/** Root of the empty tree, RFC 9162 section 2.1.1. */
const emptyRoot: string = hash('sha256', '', 'latin1' as 'hex')

/** From base64url, as records write digests. */
export function fromBase64url(text: string): string {
  return Buffer.from(text, 'base64url').toString('latin1')
}

/** Whether a value is a digest in the one form that base64url has for it (RFC 4648 section 3.5). */
export function isDigest(value: unknown): value is string {
  return (
    typeof value === 'string' && value.length === 43 && toBase64url(fromBase64url(value)) === value
  )
}

/** To base64url. */
export function toBase64url(digest: string): string {
  return Buffer.from(digest, 'latin1').toString('base64url')
}

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
