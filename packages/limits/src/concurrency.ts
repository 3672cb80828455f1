import type { Identity } from '@onbehalf/core'
import { deny, type Guard, type Limit, type LimitedCall, type Taken } from '@onbehalf/core/guards'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { keyOf, type Per, toPers } from './keys.ts'
import { asGuard, assertName, assertWhole } from './options.ts'

export interface ConcurrencyOptions {
  /** Name of the limit, as that of `limit`. */
  readonly name: string
  /** Whose calls count together; of a list, those that agree in everything. */
  readonly per: Per | readonly Per[]
  /** How many calls may run at once, a whole number above 0. */
  readonly calls: number
}

const known: OptionNames<ConcurrencyOptions> = { name: true, per: true, calls: true }

// Servers are made for each request, and their limits with them: what runs outlives neither.
const running = new Map<string, Map<string, number>>()

/**
 * Limits how many calls run at once in this process: with several processes, so many in each of them. A
 * place is free again when the handler has ended, also if its caller has cancelled the call or was answered
 * before.
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
  const { name, calls } = options
  assertName(name)
  assertWhole({ calls })
  return asGuard(new ConcurrencyLimit(name, toPers(options.per), calls))
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
    if (count >= this.#calls) {
      // When a place is free again, nobody knows.
      const until = Math.ceil(Date.now() / 1000) + 1
      return Object.freeze({ ...deny(this.name, 'concurrency_limited'), until })
    }
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
