import { systemTime } from '../internal/options.ts'
import { type ApiKey, assertApiKey, type ManagedApiKeys } from './api-key.ts'

/** Keys inside this process: for tests, and for a server whose few keys are in its configuration. */
export function memoryApiKeys(): ManagedApiKeys {
  const hashes = new Map<string, string>()
  const keys = new Map<string, ApiKey>()

  return {
    find: async (hash) => keys.get(hashes.get(hash) ?? ''),
    used: async (id, at) => {
      const key = keys.get(id)
      if (key !== undefined) keys.set(id, { ...key, lastUsedAt: at })
    },
    add: async (hash, key) => {
      assertApiKey(key)
      if (hashes.has(hash) || keys.has(key.id)) throw new Error('There is such a key')
      hashes.set(hash, key.id)
      keys.set(key.id, { ...key })
    },
    revoke: async (id, at = systemTime()) => {
      const key = keys.get(id)
      if (key === undefined || key.revokedAt !== undefined) return false
      keys.set(id, { ...key, revokedAt: at })
      return true
    },
    list: async ({ kind, issuer, subject }) =>
      [...keys.values()]
        .filter((key) => key.kind === kind && key.issuer === issuer && key.subject === subject)
        .toReversed(),
  }
}
