import type { Identity } from '@onbehalf/core'
import { type Guard, type Limit, type LimitedCall, type Taken } from '@onbehalf/core/guards'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { keyOf, type Per, toPers } from './keys.ts'
import { asGuard, assertName, assertStoreFails, assertWhole } from './options.ts'
import { concurrencyDenial, SharedConcurrency } from './shared-concurrency.ts'
import type { LeaseStore } from './stores/leases.ts'

export interface ConcurrencyOptions {
  /** Name of the limit, as that of `limit`. */
  readonly name: string
  /** Whose calls count together; of a list, those that agree in everything. */
  readonly per: Per | readonly Per[]
  /** How many calls may run at once, a whole number above 0. */
  readonly calls: number
  /** Where it is counted over all processes: `redisLeases` or `postgresLeases`. Default: in this process. */
  readonly store?: LeaseStore
  /**
   * Required with `store`: what happens to calls when it fails or does not answer within 2 seconds.
   * `'open'` runs them uncounted, `'closed'` answers them with 503.
   */
  readonly whenStoreFails?: 'open' | 'closed'
}

const known: OptionNames<ConcurrencyOptions> = {
  name: true,
  per: true,
  calls: true,
  store: true,
  whenStoreFails: true,
}

// Servers are made for each request, and their limits with them: what runs outlives neither.
const running = new Map<string, Map<string, number>>()

/**
 * Limits how many calls run at once: in this process, and with a `store` in all of them together. A place is
 * free again when the handler has ended, also if its caller has cancelled the call or was answered before.
 *
 * In a store a place is a lease of 15 seconds, which is renewed every 5 while the handler runs: what a
 * process held that was killed is free after 15 seconds at most. A store that cannot be reached for longer
 * than that may give the place of a running call to another one.
 *
 * A call without a place does not wait: it is answered with HTTP 429, or with a tool's error that has the
 * reason `concurrency_limited`.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * const atOnce = limitConcurrency({ name: 'payments', per: ['tool', 'user'], calls: 2 })
 * server.registerTool('pay', { inputSchema }, requireAll([user(), atOnce], pay))
 * ```
 */
export function limitConcurrency(options: ConcurrencyOptions): Guard {
  assertOptions('limitConcurrency', options, known)
  const { name, calls, store, whenStoreFails } = options
  assertName(name)
  assertWhole({ calls })
  const pers = toPers(options.per)
  if (store === undefined) return asGuard(new ConcurrencyLimit(name, pers, calls))
  if (typeof store.take !== 'function')
    throw new TypeError('store must be made by redisLeases or postgresLeases')
  assertStoreFails(whenStoreFails)
  const refuses = whenStoreFails === 'closed'
  return asGuard(new SharedConcurrency({ name, pers, calls, store, refuses }))
}

class ConcurrencyLimit implements Limit {
  readonly name: string
  readonly #pers: readonly Per[]
  readonly #calls: number
  readonly #running: Map<string, number>

  constructor(name: string, pers: readonly Per[], calls: number) {
    this.name = name
    this.#pers = pers
    this.#calls = calls
    this.#running = running.get(name) ?? new Map<string, number>()
    running.set(name, this.#running)
  }

  async take(identity: Identity, call: LimitedCall): Promise<Taken> {
    const key = await keyOf(this.#pers, identity, call)
    const count = this.#running.get(key) ?? 0
    if (count >= this.#calls) return concurrencyDenial(this.name)
    this.#running.set(key, count + 1)
    const remaining = this.#calls - count - 1
    return {
      effect: 'allow',
      budget: { limit: this.name, points: this.#calls, remaining },
      end: () => this.#free(key),
    }
  }

  #free(key: string): void {
    const count = this.#running.get(key) ?? 0
    if (count > 1) this.#running.set(key, count - 1)
    else this.#running.delete(key)
  }
}
