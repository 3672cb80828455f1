const maxPauseSeconds = 60

/** How long a failing source is left alone. */
export interface Backoff {
  /** Failures since the last success. */
  readonly failures: number
  /** When the next attempt may start, on the clock that was given; minus infinity for "now". */
  readonly retryAt: number
  fail(): void
  reset(): void
}

/**
 * Counts failures: pauses of 1, 2, 4 ... 60 seconds, each up to a quarter longer, so that servers
 * which failed together do not come back together.
 */
export function createBackoff(monotonic: () => number, random: () => number): Backoff {
  let failures = 0
  let retryAt = Number.NEGATIVE_INFINITY
  return {
    get failures() {
      return failures
    },
    get retryAt() {
      return retryAt
    },
    fail() {
      failures += 1
      const pause = Math.min(maxPauseSeconds, 2 ** (failures - 1))
      retryAt = monotonic() + pause * (1 + random() / 4)
    },
    reset() {
      failures = 0
      retryAt = Number.NEGATIVE_INFINITY
    },
  }
}
