/**
 * Whether `work` takes at most `factor` times as long as `reference`. Both count by the fastest of all
 * their runs, of which there are more as long as a busy machine may be what made the difference.
 */
export async function costsAtMost(
  factor: number,
  work: () => unknown,
  reference: () => unknown,
): Promise<boolean> {
  let [whole, base] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let attempt = 0; attempt < 500; attempt++) {
    base = Math.min(base, await timeOf(reference))
    whole = Math.min(whole, await timeOf(work))
    // The first runs are those of code that is not compiled yet.
    if (attempt >= 10 && whole <= factor * base) return true
  }
  return false
}

async function timeOf(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
