/**
 * Makes a user's callback safe to call: whatever it throws or rejects with goes to `onFailure` and
 * nowhere else. Neither can change the decision that is reported, nor end the process.
 */
export function toObserver<Event extends unknown[]>(
  callback: ((...event: Event) => unknown) | undefined,
  onFailure: (cause: unknown) => void = () => {},
): (...event: Event) => void {
  if (callback === undefined) return () => {}
  const failed = (cause: unknown): void => {
    try {
      onFailure(cause)
    } catch {
      // There is no one left to report to.
    }
  }
  return (...event) => {
    try {
      // Typed as `void`, yet an async function fits: its rejection would be unhandled.
      void Promise.resolve(callback(...event)).catch(failed)
    } catch (cause) {
      failed(cause)
    }
  }
}

/**
 * Reads the user's clock. Every comparison with a time that is not a number would be false, and
 * nothing would ever expire.
 *
 * @throws TypeError when it shows no time
 */
export function readClock(clock: () => number): number {
  const now = clock()
  if (!Number.isFinite(now)) throw new TypeError('The clock returned no number')
  return now
}

/** Seconds since 1970, by the clock of the system. */
export const systemTime = (): number => Date.now() / 1000
