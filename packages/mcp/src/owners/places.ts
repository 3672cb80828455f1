/** What one caller holds. */
export interface Place {
  readonly owner: string
  /** By the monotonic clock; infinite while the end is not known. */
  until: number
}

// Places of all callers together.
const limit = 100_000
const fewest = 1_000

const monotonicSeconds = (): number => performance.now() / 1000

/**
 * Counts what is kept for callers for a time. A caller may hold no more than what is still free: one who
 * takes all that there is to take leaves as much to the others, and ten of them leave a tenth.
 */
export class Places {
  readonly #limit: number
  readonly #monotonic: () => number
  readonly #byOwner = new Map<string, Set<Place>>()
  #size = 0
  #sweptAt = Number.NEGATIVE_INFINITY
  #sweepSize = fewest

  constructor(most: number = limit, monotonic: () => number = monotonicSeconds) {
    this.#limit = most
    this.#monotonic = monotonic
  }

  /** Places that are held, and those that nobody has looked at since their end. */
  get size(): number {
    return this.#size
  }

  /** Takes a place until it is freed or its time is known; undefined when the caller has too many. */
  take(owner: string): Place | undefined {
    if (!this.#hasRoom(owner)) this.#sweep()
    return this.#hasRoom(owner) ? this.add(owner) : undefined
  }

  /** Takes a place for what is there already. */
  add(owner: string): Place {
    if (this.#size >= this.#sweepSize) {
      this.#sweep()
      this.#sweepSize = Math.max(fewest, 2 * this.#size)
    }
    const place = { owner, until: Number.POSITIVE_INFINITY }
    const held = this.#byOwner.get(owner) ?? new Set()
    this.#byOwner.set(owner, held.add(place))
    this.#size += 1
    return place
  }

  keep(place: Place, seconds: number): void {
    place.until = this.#monotonic() + seconds
  }

  free(place: Place): void {
    const held = this.#byOwner.get(place.owner)
    if (!held?.delete(place)) return
    this.#size -= 1
    if (held.size === 0) this.#byOwner.delete(place.owner)
  }

  #hasRoom(owner: string): boolean {
    return (this.#byOwner.get(owner)?.size ?? 0) < this.#limit - this.#size
  }

  // Those who are refused try again and again: not every time is everything walked through.
  #sweep(): void {
    const now = this.#monotonic()
    if (now < this.#sweptAt + 1) return
    this.#sweptAt = now
    const places = [...this.#byOwner.values()].flatMap((held) => [...held])
    for (const place of places) if (place.until <= now) this.free(place)
  }
}
