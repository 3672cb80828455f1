import { Census } from './census.ts'
import type { Kind, Rounds } from './kind.ts'

/** What a run of one kind left behind. */
export interface Remains {
  /** Objects that were tracked: servers, transports, tasks. */
  readonly seen: number
  readonly alive: number
  readonly timers: number
  /** Bytes of the heap by which it grew from a tenth of the rounds to the end. */
  readonly growth: number
  readonly rounds: number
}

// Enough to have them side by side, few enough for a socket each.
const atOnce = 20

/** Runs rounds until all are done or the time is over, and counts what is left of them. */
export async function runKind(kind: Kind, count: number, seconds: number): Promise<Remains> {
  const census = new Census()
  try {
    const rounds = await kind.start(census)
    const until = performance.now() + seconds * 1000
    const early = await runRounds(rounds, { from: 0, to: Math.ceil(count / 10), until })
    const heap = await census.heap()
    const done = await runRounds(rounds, { from: early, to: count, until })
    const growth = (await census.heap()) - heap
    await rounds.close?.()
    const alive = await census.alive()
    return { rounds: done, growth, seen: census.seen, alive, timers: census.timers }
  } finally {
    census.close()
  }
}

interface Span {
  readonly from: number
  readonly to: number
  /** By `performance.now()`. */
  readonly until?: number
}

/** @returns the number of the next round */
export async function runRounds(
  { round }: Rounds,
  { from, to, until = Number.POSITIVE_INFINITY }: Span,
): Promise<number> {
  let next = from
  const work = async (): Promise<void> => {
    while (next < to && performance.now() < until) await round(next++)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, to - from) }, work))
  return next
}
