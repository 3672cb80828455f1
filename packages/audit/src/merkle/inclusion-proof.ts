import { leafHash, nodeHash } from './tree.ts'

/**
 * The path that proves the entry at `index` (from 0) to be in the tree of these entries, RFC 9162
 * section 2.1.3.1. Takes entries one at a time, so that a log need not be in memory.
 */
export class InclusionPath {
  readonly #index: number
  readonly #size: number
  #at = 0
  // Complete subtrees seen so far that stand left of the one now built, with their level.
  readonly #stack: { level: number; digest: string; holdsLeaf: boolean }[] = []
  readonly #path: string[] = []

  constructor(index: number, size: number) {
    this.#index = index
    this.#size = size
  }

  add(entry: string): void {
    if (this.#at >= this.#size) return
    this.#push(0, leafHash(entry), this.#at === this.#index)
    this.#at += 1
  }

  #push(level: number, digest: string, holdsLeaf: boolean): void {
    let node = { level, digest, holdsLeaf }
    for (let left = this.#stack.at(-1); left?.level === node.level; left = this.#stack.at(-1)) {
      this.#stack.pop()
      node = this.#join(left, node)
    }
    this.#stack.push(node)
  }

  #join(
    left: { level: number; digest: string; holdsLeaf: boolean },
    right: { digest: string; holdsLeaf: boolean },
  ): { level: number; digest: string; holdsLeaf: boolean } {
    if (left.holdsLeaf) this.#path.push(right.digest)
    if (right.holdsLeaf) this.#path.push(left.digest)
    return {
      level: left.level + 1,
      digest: nodeHash(left.digest, right.digest),
      holdsLeaf: left.holdsLeaf || right.holdsLeaf,
    }
  }

  /** The finished path, from the leaf up. Call it once, after all entries. */
  finish(): readonly string[] {
    if (this.#at !== this.#size) throw new RangeError('the log is shorter than the tree')
    this.#stack.reduceRight((right, left) => this.#join(left, right))
    return this.#path
  }
}

/** The root that a path leads to, or undefined where it does not fit: RFC 9162 section 2.1.3.2. */
export function rootFromPath(
  entry: string,
  index: number,
  size: number,
  path: readonly string[],
): string | undefined {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size)) return undefined
  if (index < 0 || index >= size) return undefined
  // Every element has the length of a digest: a longer or shorter one is another path.
  if (path.some((sibling) => sibling.length !== 32)) return undefined
  let digest = leafHash(entry)
  let at: Position = { node: index, last: size - 1 }
  for (const sibling of path) {
    if (at.last === 0) return undefined
    const isRight = at.node % 2 === 1 || at.node === at.last
    digest = isRight ? nodeHash(sibling, digest) : nodeHash(digest, sibling)
    at = up(isRight ? skipLoneNodes(at) : at)
  }
  return at.last === 0 ? digest : undefined
}

/** Index of a node within its level, and of the last node there. */
interface Position {
  readonly node: number
  readonly last: number
}

function up({ node, last }: Position): Position {
  return { node: half(node), last: half(last) }
}

// A last node without a sibling is carried up as it is. The first node of a level has one, or is the root.
function skipLoneNodes(at: Position): Position {
  let here = at
  while (here.node % 2 === 0) here = up(here)
  return here
}

// Not a shift: sizes may pass 2^31.
function half(value: number): number {
  return Math.floor(value / 2)
}
