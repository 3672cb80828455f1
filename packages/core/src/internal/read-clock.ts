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
