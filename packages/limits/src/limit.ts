import type { Identity } from '@onbehalf/core'
import {
  type Deny,
  deny,
  type Granted,
  type Guard,
  type Limit,
  type LimitedCall,
  type Taken,
} from '@onbehalf/core/guards'
import { assertOptions, type OptionNames, withDeadline } from '@onbehalf/core/internal'
import { RateLimiterRes } from 'rate-limiter-flexible'
import { keyOf, type Per, toPers } from './keys.ts'
import { asGuard, assertName, assertStoreFails, assertWhole, storeFailed } from './options.ts'
import { type Counter, type LimitStore, memoryLimits } from './stores/memory.ts'

export interface LimitOptions {
  /**
   * Name of the budget: letters, digits, `.`, `_` and `-`. Limits of one name and one number of seconds
   * in one store count together, so give two tools one name to share a budget, and two names for two. It is in records, and refused callers see it.
   */
  readonly name: string
  /** Whose calls count together; of a list, those that agree in everything. */
  readonly per: Per | readonly Per[]
  /** How many calls, a whole number above 0. */
  readonly points: number
  /** In how many seconds, from 1 to 2000000. They begin with the first call. */
  readonly seconds: number
  /** Where it is counted: `redisLimits` or `postgresLimits`. Default: in this process. */
  readonly store?: LimitStore
  /**
   * What happens to calls that cannot be counted because the store fails or does not answer within 2
   * seconds: `'open'` runs them uncounted, `'closed'` answers them with 503.
   */
  readonly whenStoreFails: 'open' | 'closed'
}

const known: OptionNames<LimitOptions> = {
  name: true,
  per: true,
  points: true,
  seconds: true,
  store: true,
  whenStoreFails: true,
}

const longestSeconds = 2_000_000
const deadlineSeconds = 2

/**
 * Limits how often calls may run: a guard for `requireAll` and `all`, and for rules. It counts a call when
 * every guard has allowed it, once, so that a refused caller uses up nobody's budget. Lists, completions
 * and subscriptions are not counted.
 *
 * A call over the limit neither runs nor prolongs the seconds: the next call runs when they are over,
 * however often the caller tries meanwhile. It is answered with HTTP 429 and `Retry-After`, or with a
 * tool's error that has the reason `rate_limited` and the second from which it may be tried again.
 * `limitsOf` of `@onbehalf/mcp` tells a handler what is left.
 *
 * The seconds begin with the first call and not with each one, so that twice as many calls may run in a
 * stretch of them that spans two.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * const perUser = limit({
 *   name: 'payments',
 *   per: 'user',
 *   points: 10,
 *   seconds: 60,
 *   whenStoreFails: 'closed',
 * })
 * server.registerTool('pay', { inputSchema }, requireAll([user(), perUser], pay))
 * ```
 */
export function limit(options: LimitOptions): Guard {
  assertOptions('limit', options, known)
  const { name, points, seconds, store = memoryLimits, whenStoreFails } = options
  assertName(name)
  assertWhole({ points })
  assertWhole({ seconds }, longestSeconds)
  if (typeof store !== 'function')
    throw new TypeError('store must be made by redisLimits or its like')
  assertStoreFails(whenStoreFails)
  const pers = toPers(options.per)
  const counter = store({ keyPrefix: `${name}:${seconds}`, points, duration: seconds })
  const settings = { name, points, pers, counter, refuses: whenStoreFails === 'closed' }
  return asGuard(new RateLimit(settings))
}

interface RateSettings {
  readonly name: string
  readonly points: number
  readonly pers: readonly Per[]
  readonly counter: Counter
  readonly refuses: boolean
}

class RateLimit implements Limit {
  readonly name: string
  readonly #settings: RateSettings

  constructor(settings: RateSettings) {
    this.name = settings.name
    this.#settings = settings
  }

  async take(identity: Identity, call: LimitedCall): Promise<Taken> {
    const { pers, counter } = this.#settings
    const key = await keyOf(pers, identity, call)
    try {
      const count = await withDeadline(
        deadlineSeconds,
        () => counter.consume(key),
        () => new Error('The store is too slow'),
      )
      return this.#grant(key, count)
    } catch (thrown) {
      const { name, refuses } = this.#settings
      if (thrown instanceof RateLimiterRes) return this.#refuse(thrown)
      return storeFailed(name, thrown, refuses)
    }
  }

  #grant(key: string, { consumedPoints, msBeforeNext }: RateLimiterRes): Granted {
    const { name, points, counter } = this.#settings
    // A store that answers something else has not counted.
    if (!Number.isFinite(consumedPoints) || !Number.isFinite(msBeforeNext)) {
      throw new Error('The store answered with no number')
    }
    const budget = {
      limit: name,
      points,
      remaining: points - consumedPoints,
      until: untilOf(msBeforeNext),
    }
    const endsAt = performance.now() + msBeforeNext
    const undo = (): void => {
      // Given back to seconds that are over, it would be one more call in the next ones.
      if (performance.now() < endsAt) counter.reward(key).catch(() => undefined)
    }
    return { effect: 'allow', budget, undo }
  }

  #refuse({ msBeforeNext }: RateLimiterRes): Deny {
    return Object.freeze({ ...deny(this.name, 'rate_limited'), until: untilOf(msBeforeNext) })
  }
}

/** Seconds since 1970. */
function untilOf(milliseconds: number): number {
  return Math.ceil((Date.now() + milliseconds) / 1000)
}
