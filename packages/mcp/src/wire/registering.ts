import type { Connectable } from './transport.ts'

// SDK v2 reads the capabilities of its server to add those of an item, and its entries read them to
// serve `subscriptions/listen`.
const registering = new WeakSet<Connectable>()

/** Runs what registers an item on a server. */
export function whileRegistering<T>(low: Connectable, register: () => T): T {
  registering.add(low)
  try {
    return register()
  } finally {
    registering.delete(low)
  }
}

export function isRegistering(low: Connectable): boolean {
  return registering.has(low)
}
