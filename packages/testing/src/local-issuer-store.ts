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
  const find = (id: string): AdapterPayload | undefined => live(entries, keyOf(id))
  return {
    upsert: async (id, payload, expiresIn = Number.POSITIVE_INFINITY) => {
      dropExpired(entries)
      entries.set(keyOf(id), { payload, expiresAt: Date.now() + expiresIn * 1000 })
    },
    find: async (id) => find(id),
    findByUid: async (uid) => findWhere(entries, model, (payload) => payload.uid === uid),
    findByUserCode: async (code) => findWhere(entries, model, (p) => p.userCode === code),
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

function live(entries: ReadonlyMap<string, Entry>, key: string): AdapterPayload | undefined {
  const entry = entries.get(key)
  return entry && entry.expiresAt > Date.now() ? entry.payload : undefined
}

function findWhere(
  entries: ReadonlyMap<string, Entry>,
  model: string,
  matches: (payload: AdapterPayload) => boolean,
): AdapterPayload | undefined {
  for (const [key, { payload }] of entries) {
    if (key.startsWith(`${model}:`) && matches(payload)) return live(entries, key)
  }
  return undefined
}

// Insertion order is close to expiry order: stop at the first entry that lives on.
function dropExpired(entries: Map<string, Entry>): void {
  const now = Date.now()
  for (const [key, { expiresAt }] of entries) {
    if (expiresAt > now) return
    entries.delete(key)
  }
}
