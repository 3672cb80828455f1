type Measured = ReadonlyMap<string, readonly number[]>

/** Prints median and 99th percentile of each contender, relative to those of the first. */
export function printLatencies(latencies: Measured): void {
  print('time of a call', latencies, [
    ['p50', 0.5],
    ['p99', 0.99],
  ])
}

/** Prints the median of each contender, relative to that of the first. */
export function printMedians(title: string, measured: Measured): void {
  print(title, measured, [['median', 0.5]])
}

function print(title: string, measured: Measured, shares: readonly [string, number][]): void {
  const sorted = [...measured].map(([name, own]) => [name, own.toSorted((a, b) => a - b)] as const)
  const [first, base = []] = sorted[0] ?? []
  console.log(`\n${title} (relative to ${first})`)
  for (const [name, own] of sorted) {
    const ratios = shares.map(([label, share]) => {
      return `${label} ${(at(own, share) / at(base, share)).toFixed(2)}`
    })
    console.log(`  ${name.padEnd(34)} ${ratios.join('   ')}`)
  }
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
