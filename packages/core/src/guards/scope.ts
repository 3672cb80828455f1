import type { Identity } from '../identity.ts'
import { type OneOrMore, requiredList } from '../internal/one-or-more.ts'
import { allow, deny, type Guard } from './guard.ts'

export interface ScopeOptions {
  /**
   * Scopes that include others, for example `{ 'notes:write': ['notes:read'] }`. Followed
   * transitively. MCP asks servers to account for scope hierarchies.
   */
  readonly implies?: Readonly<Record<string, readonly string[]>>
}

/**
 * Allows callers whose token carries every one of the scopes, by name or by implication.
 *
 * @throws TypeError when no scope is named
 */
export function scope(scopes: OneOrMore<string>, options: ScopeOptions = {}): Guard {
  const wanted = requiredList(scopes, 'scopes')
  const implied = new Map(Object.entries(options.implies ?? {}))
  return Object.freeze({
    name: 'scope',
    decide: (identity: Identity) => {
      const granted = closure(identity.scopes, implied)
      return wanted.every((name) => granted.has(name))
        ? allow
        : deny('scope', 'scope_missing', { scopes: wanted })
    },
  })
}

function closure(
  scopes: readonly string[],
  implied: ReadonlyMap<string, readonly string[]>,
): Set<string> {
  const granted = new Set(scopes)
  // A Set visits members that are added while it is being walked: this is the transitive closure.
  for (const name of granted) for (const lesser of implied.get(name) ?? []) granted.add(lesser)
  return granted
}
