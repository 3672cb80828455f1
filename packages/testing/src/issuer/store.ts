import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider'

interface Entry {
  readonly payload: AdapterPayload
  /** Milliseconds since 1970, as `Date.now`. */
  readonly expiresAt: number
}

/**
 * What oidc-provider remembers between the requests of one sign-in. Each issuer has its own, so that two
 * issuers in one process share nothing.
 */
export function createIssuerStore(): AdapterFactory {
  const entries = new Map<string, Entry>()
  return (model) => createAdapter(entries, model)
}

function createAdapter(entries: Map<string, Entry>, model: string): Adapter {
  const keyOf = (id: string): string => `${model}:${id}`
  const find = (id: string): AdapterPayload | undefined => entries.get(keyOf(id))?.payload
  return {
    upsert: async (id, payload, expiresIn = Number.POSITIVE_INFINITY) => {
      dropExpired(entries)
      entries.set(keyOf(id), { payload, expiresAt: Date.now() + expiresIn * 1000 })
    },
    find: async (id) => find(id),
    findByUid: async (uid) => findWhere(entries, (payload) => payload.uid === uid),
    // Of the device flow (RFC 8628), which a local issuer does not offer.
    findByUserCode: async () => undefined,
    consume: async (id) => {
      const payload = find(id)
      if (payload) payload.consumed = Math.floor(Date.now() / 1000)
    },
    destroy: async (id) => void entries.delete(keyOf(id)),
    revokeByGrantId: async (grantId) => {
      for (const [key, { payload }] of entries) if (payload.grantId === grantId) entries.delete(key)
    },
  }
}

function findWhere(
  entries: ReadonlyMap<string, Entry>,
  matches: (payload: AdapterPayload) => boolean,
): AdapterPayload | undefined {
  return [...entries.values()].find(({ payload }) => matches(payload))?.payload
}

// oidc-provider checks the expiry of what it finds: this only keeps the memory small. Insertion order is
// close to expiry order, so the first entry that lives on ends the sweep.
function dropExpired(entries: Map<string, Entry>): void {
  const now = Date.now()
  for (const [key, { expiresAt }] of entries) {
    if (expiresAt > now) return
    entries.delete(key)
  }
}
