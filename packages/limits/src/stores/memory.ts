import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'

/** What a limit counts with: any limiter of rate-limiter-flexible. */
export interface Counter {
  /** Rejects with a `RateLimiterRes` when the points are used up, and with anything else on failure. */
  consume(key: string): Promise<RateLimiterRes>
  reward(key: string): Promise<RateLimiterRes>
}

/** How a limit wants to count. */
export interface CounterSettings {
  readonly keyPrefix: string
  readonly points: number
  /** Seconds. */
  readonly duration: number
}

/** Makes the counter of a limit: `redisLimits`, `postgresLimits`, or your own limiter. */
export type LimitStore = (settings: CounterSettings) => Counter

// Servers are made for each request, and their limits with them: a counter outlives both.
export function keepCounters(
  make: (settings: CounterSettings, isFirst: boolean) => Counter,
): LimitStore {
  const counters = new Map<string, Counter>()
  return (settings) => {
    const id = JSON.stringify(settings)
    const counter = counters.get(id) ?? make(settings, counters.size === 0)
    counters.set(id, counter)
    return counter
  }
}

/** Counts in this process. */
export const memoryLimits: LimitStore = keepCounters((settings) => new RateLimiterMemory(settings))
