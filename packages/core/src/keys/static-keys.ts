import { IdentityError } from '../errors.ts'
import { assertNotOtherwiseBound, findKeys, type KeySet, parseKeySet } from './key-set.ts'
import type { KeySource, ReportKeyEvent } from './key-source.ts'

/**
 * Keys that are part of the configuration.
 *
 * A set without a usable key fails {@link KeySource.ready} and every look-up.
 */
export function staticKeys(jwks: { readonly keys: readonly unknown[] }): KeySource {
  let parsed: Promise<KeySet | undefined> | undefined

  async function parse(report: ReportKeyEvent): Promise<KeySet | undefined> {
    const set = await parseKeySet(jwks)
    const { keys = [], ignored = [] } = set ?? {}
    report({ type: 'keys_loaded', usable: keys.length, ignored })
    return set
  }

  const load = (report: ReportKeyEvent): Promise<KeySet | undefined> => (parsed ??= parse(report))

  return {
    async find(query, report) {
      const set = assertUsable(await load(report))
      const found = findKeys(set, query)
      if (found.length === 0) assertNotOtherwiseBound(set, query)
      return found
    },
    ready: async (report) => void assertUsable(await load(report)),
  }
}

function assertUsable(set: KeySet | undefined): KeySet {
  if (set !== undefined && set.keys.length > 0) return set
  throw new IdentityError('DOWN', { reason: 'keys_unusable' })
}
