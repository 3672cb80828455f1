/** Prints median and 99th percentile of each contender, relative to those of the first. */
export function printLatencies(latencies: ReadonlyMap<string, readonly number[]>): void {
  const sorted = [...latencies].map(([name, own]) => [name, own.toSorted((a, b) => a - b)] as const)
  const [, base = []] = sorted[0] ?? []
  const ratio = (own: readonly number[], share: number): string =>
    (at(own, share) / at(base, share)).toFixed(2)
  console.log(`\ntime of a call (relative to ${sorted[0]?.[0]})`)
  for (const [name, own] of sorted) {
    console.log(`  ${name.padEnd(34)} p50 ${ratio(own, 0.5)}   p99 ${ratio(own, 0.99)}`)
  }
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
