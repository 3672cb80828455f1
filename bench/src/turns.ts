import type { Turn } from './child.ts'

/** How long and how often is measured. */
export interface Effort {
  /** Processes of each subject. */
  readonly processes: number
  readonly rounds: number
  /** Milliseconds of one turn. */
  readonly turn: number
}

/** One process of a subject. */
export interface Runner {
  readonly subject: string
  run(): Promise<Turn>
}

/** Medians over all rounds and processes of a subject, for one operation. */
export interface Measured {
  readonly subject: string
  readonly cpuMicroseconds: number
  readonly operationsPerSecond: number
  /** Lowest and highest processor time of a round. */
  readonly range: readonly [number, number]
}

/**
 * Lets all processes take turns, so that a machine whose speed drifts treats them alike. The first
 * round of each warms it up and does not count.
 */
export async function alternate(
  runners: readonly Runner[],
  rounds: number,
): Promise<readonly Measured[]> {
  const turns = new Map<string, Turn[]>()
  for (let round = 0; round <= rounds; round++) {
    for (const runner of runners) {
      const turn = await runner.run()
      if (round > 0) turns.set(runner.subject, [...(turns.get(runner.subject) ?? []), turn])
    }
  }
  return [...turns].map(([subject, all]) => summarize(subject, all))
}

function summarize(subject: string, turns: readonly Turn[]): Measured {
  const cpu = turns.map((turn) => turn.cpuMicroseconds / turn.operations)
  const rates = turns.map((turn) => (turn.operations / turn.wallMicroseconds) * 1e6)
  return {
    subject,
    cpuMicroseconds: median(cpu),
    operationsPerSecond: median(rates),
    range: [Math.min(...cpu), Math.max(...cpu)],
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}
