/** One way of doing the same work. */
export interface Contender {
  readonly name: string
  /** Does the work once. */
  run(): Promise<unknown>
}

const rounds = 9

/**
 * Lets contenders take turns, so that a machine whose speed drifts treats them alike, and prints each
 * one's rate as a ratio to the first one's of the same round: median, lowest and highest.
 */
export async function compare(
  title: string,
  contenders: readonly Contender[],
  secondsPerTurn = 0.4,
): Promise<void> {
  const rates = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  // The first round warms up and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const contender of contenders) {
      const rate = await measure(contender, secondsPerTurn)
      if (round > 0) rates.get(contender.name)?.push(rate)
    }
  }
  console.log(`\n${title} (${rounds} rounds, rate relative to ${contenders[0]?.name})`)
  const base = rates.get(contenders[0]?.name ?? '') ?? []
  for (const [name, own] of rates) {
    const ratios = own.map((rate, at) => rate / (base[at] ?? rate)).toSorted((a, b) => a - b)
    const [low, middle, high] = [ratios[0], ratios[rounds >> 1], ratios.at(-1)].map(format)
    console.log(`  ${name.padEnd(34)} ${middle}   (${low} to ${high})`)
  }
}

async function measure(contender: Contender, secondsPerTurn: number): Promise<number> {
  const started = performance.now()
  const until = started + secondsPerTurn * 1000
  let count = 0
  while (performance.now() < until) {
    await contender.run()
    count += 1
  }
  return count / (performance.now() - started)
}

function format(ratio: number | undefined): string {
  return (ratio ?? 0).toFixed(2)
}
