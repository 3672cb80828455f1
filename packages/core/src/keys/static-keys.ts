import { IdentityError } from '../errors.ts'
import { findKeys, type KeySet, parseKeySet } from './key-set.ts'
import type { KeySource } from './key-source.ts'

/**
 * Keys that are part of the configuration.
 *
 * A set without a usable key fails {@link KeySource.ready} and every look-up.
 */
export function staticKeys(jwks: { readonly keys: readonly unknown[] }): KeySource {
  let parsed: Promise<KeySet | undefined> | undefined

  async function load(): Promise<KeySet> {
    parsed ??= parseKeySet(jwks)
    const set = await parsed
    if (set !== undefined && set.keys.length > 0) return set
    throw new IdentityError('DOWN', { reason: 'keys_unusable' })
  }

  return {
    find: async (query) => findKeys(await load(), query),
    ready: async () => void (await load()),
  }
}
