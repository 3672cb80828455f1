import { IdentityError } from '../errors.ts'
import { withDeadline } from '../internal/promises.ts'
import type { Store } from './store.ts'

// Clients of shared stores queue commands while they are disconnected: that is an outage too.
const deadlineSeconds = 2

/** Turns every failure of a store into `DOWN`: what cannot be looked up is not accepted. */
export function guardedStore(store: Store): Store {
  return {
    add: (key, value, ttlSeconds) => orDown(() => store.add(key, value, ttlSeconds)),
    set: (key, value, ttlSeconds) => orDown(() => store.set(key, value, ttlSeconds)),
    get: (key) => orDown(() => store.get(key)),
  }
}

async function orDown<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await withDeadline(deadlineSeconds, work, () => new Error('The store is too slow'))
  } catch (cause) {
    throw new IdentityError('DOWN', { reason: 'store_unavailable', cause })
  }
}
