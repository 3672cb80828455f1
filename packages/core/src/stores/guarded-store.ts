import { IdentityError } from '../errors.ts'
import { type Awaitable, withDeadline } from '../internal/promises.ts'
import type { Store } from './store.ts'

// Clients of shared stores queue commands while they are disconnected: that is an outage too.
const deadlineSeconds = 2

/** A store that adds nothing. It may have the answer at once. */
export interface Values extends Pick<Store, 'set'> {
  get(key: string): Awaitable<string | undefined>
}

/** Turns every failure of a store into `DOWN`: what cannot be looked up is not accepted. */
export function guardedStore(store: Store): Store {
  return {
    set: (...entry) => orDown(() => store.set(...entry)),
    get: (key) => orDown(() => store.get(key)),
    add: (...entry) => orDown(() => store.add(...entry)),
  }
}

/** The same, for a store that adds nothing: what it has at once is not waited for. Failures reject. */
export function guardedValues(store: Values): Values {
  return {
    set: (...entry) => orDown(() => store.set(...entry)),
    get: (key) => {
      try {
        const found = store.get(key)
        const isThere = found === undefined || typeof found === 'string'
        return isThere ? found : orDown(() => found)
      } catch (cause) {
        return Promise.reject(cause).catch(fail)
      }
    },
  }
}

/** Runs one operation of a store. @throws IdentityError `DOWN` when it fails or takes too long */
export function orDown<T>(work: () => Promise<T>): Promise<T> {
  const tooSlow = () => new Error('The store is too slow')
  return withDeadline(deadlineSeconds, work, tooSlow).catch(fail)
}

/** What a store rejects with, as the refusal that follows. @throws IdentityError `DOWN` */
export function fail(cause: unknown): never {
  throw new IdentityError('DOWN', { reason: 'store_unavailable', cause })
}
