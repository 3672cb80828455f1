/** How much is kept. */
export interface CacheLimits {
  /** Most entries. */
  readonly entries: number
  /** Most bytes, by the sizes that entries are kept with. */
  readonly bytes: number
}

interface Entry<V> {
  readonly key: string
  readonly bytes: number
  /** Undefined once it was dropped; its place is free when its queue comes to it. */
  value: V | undefined
  /** How often it was found since it was last looked at, 3 at most. */
  hits: number
  next: Entry<V> | undefined
}

/** First in, first out. */
class Queue<V> {
  length = 0
  #head: Entry<V> | undefined
  #tail: Entry<V> | undefined

  push(entry: Entry<V>): void {
    entry.next = undefined
    if (this.#tail === undefined) this.#head = entry
    else this.#tail.next = entry
    this.#tail = entry
    this.length += 1
  }

  shift(): Entry<V> | undefined {
    const entry = this.#head
    if (entry === undefined) return undefined
    this.#head = entry.next
    if (this.#head === undefined) this.#tail = undefined
    this.length -= 1
    return entry
  }
}

const smallShare = 0.1
const mostHits = 3

/**
 * A bounded cache that a flood of keys which never come again cannot sweep: S3-FIFO (Yang et al., "FIFO
 * queues are all you need for cache eviction", SOSP 2023). A new entry waits in a small queue, a tenth of
 * all. Only one that is found again there moves on to the main queue; the others leave by the small
 * queue, so that a flood displaces newcomers and nobody else. Keys that left lately are remembered: who
 * returns joins the main queue at once.
 *
 * Chosen over LRU, which any scan empties, and over W-TinyLFU, which needs a sketch that is hashed into
 * on every look-up: here a look-up counts to three and moves nothing. `bench/src/growth/main.ts` shows
 * the share of regulars that are found while a million others come by once.
 */
export class VerdictCache<V extends object> {
  readonly #limits: CacheLimits
  readonly #found = new Map<string, Entry<V>>()
  readonly #small = new Queue<V>()
  readonly #main = new Queue<V>()
  // Two generations of keys: forgetting the older one costs nothing for each key.
  #left = new Set<string>()
  #leftBefore = new Set<string>()
  #bytes = 0

  constructor(limits: CacheLimits) {
    this.#limits = limits
  }

  /** Bytes of what is kept, by the sizes that were given. */
  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#found.size
  }

  /** What is kept, without counting as found. */
  *values(): Generator<V> {
    for (const { value } of this.#found.values()) if (value !== undefined) yield value
  }

  get(key: string): V | undefined {
    const entry = this.#found.get(key)
    if (entry === undefined) return undefined
    if (entry.hits < mostHits) entry.hits += 1
    return entry.value
  }

  /** Keeps a value in place of an earlier one; one larger than the small queue is not kept. */
  set(key: string, value: V, bytes: number): void {
    this.delete(key)
    if (bytes > this.#limits.bytes * smallShare) return
    const entry: Entry<V> = { key, bytes, value, hits: 0, next: undefined }
    const returns = this.#left.has(key) || this.#leftBefore.has(key)
    this.#found.set(key, entry)
    this.#bytes += bytes
    ;(returns ? this.#main : this.#small).push(entry)
    while (this.#isOver()) this.#evict()
  }

  delete(key: string): void {
    const entry = this.#found.get(key)
    if (entry === undefined) return
    this.#found.delete(key)
    this.#bytes -= entry.bytes
    entry.value = undefined
  }

  /** Places of dropped entries count until their queue comes to them: else they could pile up. */
  #isOver(): boolean {
    const { entries, bytes } = this.#limits
    return this.#small.length + this.#main.length > entries || this.#bytes > bytes
  }

  #evict(): void {
    const all = this.#small.length + this.#main.length
    if (this.#small.length > all * smallShare || this.#main.length === 0) this.#evictSmall()
    else this.#evictMain()
  }

  #evictSmall(): void {
    const entry = this.#small.shift()
    if (entry?.value === undefined) return
    if (entry.hits === 0) return this.#leave(entry)
    entry.hits = 0
    this.#main.push(entry)
  }

  #evictMain(): void {
    const entry = this.#main.shift()
    if (entry?.value === undefined) return
    if (entry.hits === 0) return this.delete(entry.key)
    entry.hits -= 1
    this.#main.push(entry)
  }

  #leave({ key }: Entry<V>): void {
    this.delete(key)
    if (this.#left.size >= this.#limits.entries / 2) {
      this.#leftBefore = this.#left
      this.#left = new Set()
    }
    this.#left.add(key)
  }
}
