const firstSize = 16_384

/**
 * Texts of events that are committed together, as bytes one after the other: what waits for the
 * disk costs the garbage collector nothing.
 */
export class EventBatch {
  /** When its first event arrived, in milliseconds of a clock that never goes back. */
  readonly begun: number = performance.now()
  /** Ends of the texts within {@link bytes}. */
  readonly ends: number[] = []
  /** Settles with the commit; shared by all who wait for it. */
  readonly committed: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  #bytes = Buffer.allocUnsafe(firstSize)
  #length = 0

  constructor() {
    let settle: { resolve: () => void; reject: (error: unknown) => void } | undefined
    this.committed = new Promise((resolve, reject) => {
      settle = { resolve, reject }
    })
    this.resolve = () => settle?.resolve()
    this.reject = (error) => settle?.reject(error)
  }

  get count(): number {
    return this.ends.length
  }

  get length(): number {
    return this.#length
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  add(text: string): void {
    // No UTF-16 code unit takes more than three bytes of UTF-8.
    const most = this.#length + text.length * 3
    if (most > this.#bytes.length) this.#grow(most)
    this.#length += this.#bytes.write(text, this.#length, 'utf8')
    this.ends.push(this.#length)
  }

  #grow(least: number): void {
    const larger = Buffer.allocUnsafe(Math.max(least, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
