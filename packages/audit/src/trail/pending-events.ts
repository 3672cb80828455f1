/** An event that a sink has not settled yet. */
export interface PendingEvent {
  /** Called once, when someone has waited for it as long as they may; absent where nobody does. */
  readonly onLate: (() => void) | undefined
  /** By `performance.now()`. */
  readonly dueAt: number
}

/**
 * Counts the events that a sink has not settled yet, and reports each that takes too long. All may
 * take equally long, so the first that came is the first to be late: one timer does for all.
 */
export class PendingEvents {
  readonly #milliseconds: number
  /** In the order in which they came. */
  readonly #due = new Set<PendingEvent>()
  /** Those that are late already, or that nobody waits for. */
  #others = 0
  #timer: NodeJS.Timeout | undefined
  #onDrained: (() => void) | undefined

  constructor(seconds: number) {
    this.#milliseconds = seconds * 1000
  }

  get size(): number {
    return this.#due.size + this.#others
  }

  add(onLate?: () => void): PendingEvent {
    const event = { onLate, dueAt: performance.now() + this.#milliseconds }
    if (onLate === undefined) this.#others += 1
    else {
      this.#due.add(event)
      this.#timer ??= setTimeout(() => this.#expire(), this.#milliseconds)
    }
    return event
  }

  /** The sink has settled it. */
  remove(event: PendingEvent): void {
    if (!this.#due.delete(event)) this.#others -= 1
    if (this.#due.size === 0) this.#stop()
    if (this.size === 0) this.#onDrained?.()
  }

  /** Resolves as soon as nothing is pending. */
  async drained(): Promise<void> {
    if (this.size === 0) return
    await new Promise<void>((resolve) => {
      this.#onDrained = resolve
    })
  }

  #expire(): void {
    this.#timer = undefined
    const now = performance.now()
    for (const event of this.#due) {
      // Timers fire up to a millisecond early.
      const left = event.dueAt - now
      if (left > 1) {
        this.#timer = setTimeout(() => this.#expire(), left)
        return
      }
      this.#due.delete(event)
      this.#others += 1
      event.onLate?.()
    }
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
