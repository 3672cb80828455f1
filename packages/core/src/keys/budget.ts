/**
 * A budget of `burst` at once, then one for each period: never more than
 * `burst + seconds / periodSeconds` in any stretch of time.
 *
 * @returns a function that spends one, or returns `false` when none is left
 */
export function createBudget(
  burst: number,
  periodSeconds: number,
  monotonic: () => number,
): () => boolean {
  let spentUntil = Number.NEGATIVE_INFINITY
  return () => {
    const now = monotonic()
    const until = Math.max(spentUntil, now) + periodSeconds
    if (until > now + burst * periodSeconds) return false
    spentUntil = until
    return true
  }
}
