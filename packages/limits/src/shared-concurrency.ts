import type { Identity } from '@onbehalf/core'
import { type Deny, deny, type Limit, type LimitedCall, type Taken } from '@onbehalf/core/guards'
import { withDeadline } from '@onbehalf/core/internal'
import { keyOf, type Per } from './keys.ts'
import { storeFailed } from './options.ts'
import type { LeaseStore } from './stores/leases.ts'

interface SharedSettings {
  readonly name: string
  readonly pers: readonly Per[]
  readonly calls: number
  readonly store: LeaseStore
  /** Whether calls are refused while the store fails. */
  readonly refuses: boolean
}

const leaseSeconds = 15
const renewMilliseconds = 5000
const deadlineSeconds = 2

/** How many calls run at once in all processes that share a store. */
export class SharedConcurrency implements Limit {
  readonly name: string
  readonly #settings: SharedSettings

  constructor(settings: SharedSettings) {
    this.name = settings.name
    this.#settings = settings
  }

  async take(identity: Identity, call: LimitedCall): Promise<Taken> {
    const { name, pers, calls, store, refuses } = this.#settings
    const key = `${name}:${await keyOf(pers, identity, call)}`
    const id = crypto.randomUUID()
    try {
      const taken = await withDeadline(
        deadlineSeconds,
        () => store.take(key, id, calls, leaseSeconds),
        () => new Error('The store is too slow'),
      )
      if (!Number.isInteger(taken)) throw new Error('The store answered with no number')
      if (taken === 0) return concurrencyDenial(name)
      const budget = { limit: name, points: calls, remaining: Math.max(0, calls - taken) }
      return { effect: 'allow', budget, end: hold(store, key, id) }
    } catch (cause) {
      return storeFailed(name, cause, refuses)
    }
  }
}

/**
 * Keeps a place until it is given up.
 *
 * @returns gives it up. If the store cannot be reached then, the place is free when its lease is over
 */
function hold(store: LeaseStore, key: string, id: string): () => void {
  let last: Promise<unknown> = Promise.resolve()
  const renew = (): void => {
    // The next one keeps what this one did not.
    last = store.renew(key, id, leaseSeconds).catch(() => undefined)
  }
  const timer = setInterval(renew, renewMilliseconds)
  timer.unref()
  return () => {
    clearInterval(timer)
    // Not before a renewal that is under way: that would take the place again.
    void last.then(() => store.release(key, id)).catch(() => undefined)
  }
}

/** When a place is free again, nobody knows. */
export function concurrencyDenial(name: string): Deny {
  const until = Math.ceil(Date.now() / 1000) + 1
  return Object.freeze({ ...deny(name, 'concurrency_limited'), until })
}
