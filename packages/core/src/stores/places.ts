/** What one party holds. */
export interface Place {
  readonly owners: readonly string[]
  /** By the monotonic clock; infinite while the end is not known. */
  until: number
}

// Places of all parties together.
const limit = 100_000
const fewest = 1_000

const monotonicSeconds = (): number => performance.now() / 1000

/**
 * Counts what is kept for others for a time. A party may hold no more than what is still free: one that
 * takes all it can get leaves as much to the others, and ten of them leave a tenth. A party inside
 * another one, such as a client of a subject, in the same way shares what the outer one may still take.
 */
export class Places {
  readonly #limit: number
  readonly #monotonic: () => number
  readonly #held = new Set<Place>()
  readonly #counts = new Map<string, number>()
  #sweptAt = Number.NEGATIVE_INFINITY
  #sweepSize = fewest

  constructor(most: number = limit, monotonic: () => number = monotonicSeconds) {
    this.#limit = most
    this.#monotonic = monotonic
  }

  /** Places that are held, and those that nobody has looked at since their end. */
  get size(): number {
    return this.#held.size
  }

  /**
   * Takes a place until it is freed or its time is known; undefined when one of the owners, outermost
   * first, has too many. Without an owner it takes any place that is free.
   */
  take(...owners: readonly string[]): Place | undefined {
    if (!this.#hasRoom(owners)) this.#sweep()
    return this.#hasRoom(owners) ? this.add(...owners) : undefined
  }

  /** Takes a place for what is there already. */
  add(...owners: readonly string[]): Place {
    if (this.size >= this.#sweepSize) {
      this.#sweep()
      this.#sweepSize = Math.max(fewest, 2 * this.size)
    }
    const place = { owners, until: Number.POSITIVE_INFINITY }
    this.#held.add(place)
    for (const owner of owners) this.#counts.set(owner, this.#countOf(owner) + 1)
    return place
  }

  keep(place: Place, seconds: number): void {
    place.until = this.#monotonic() + seconds
  }

  free(place: Place): void {
    if (!this.#held.delete(place)) return
    for (const owner of place.owners) {
      const left = this.#countOf(owner) - 1
      if (left > 0) this.#counts.set(owner, left)
      else this.#counts.delete(owner)
    }
  }

  #countOf(owner: string): number {
    return this.#counts.get(owner) ?? 0
  }

  #hasRoom(owners: readonly string[]): boolean {
    const held = owners.reduce((sum, owner) => sum + this.#countOf(owner), 0)
    return held < this.#limit - this.size
  }

  // Those who are refused try again and again: not every time is everything walked through.
  #sweep(): void {
    const now = this.#monotonic()
    if (now < this.#sweptAt + 1) return
    this.#sweptAt = now
    for (const place of this.#held) if (place.until <= now) this.free(place)
  }
}
