import type { Identity } from '../identity.ts'
import {
  assertOptions,
  type OneOrMore,
  type OptionNames,
  requiredList,
} from '../internal/options.ts'
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
 * @throws TypeError when no scope is named, or an option is wrong, undefined or unknown
 */
export function scope(scopes: OneOrMore<string>, options: ScopeOptions = {}): Guard {
  const wanted = requiredList(scopes, 'scopes')
  assertOptions('scope', options, optionNames)
  const implied = toImplied(options.implies)
  return Object.freeze({
    name: 'scope',
    scopes: wanted,
    decide: (identity: Identity) => {
      const granted = closure(identity.scopes, implied)
      return wanted.every((name) => granted.has(name))
        ? allow
        : deny('scope', 'scope_missing', { scopes: wanted })
    },
  })
}

const optionNames: OptionNames<ScopeOptions> = { implies: true }

function toImplied(implies: ScopeOptions['implies'] = {}): ReadonlyMap<string, readonly string[]> {
  if (typeof implies !== 'object' || implies === null || Array.isArray(implies)) {
    throw new TypeError('implies must be an object')
  }
  const entries = Object.entries(implies as Readonly<Record<string, unknown>>)
  const toLesser = (lesser: unknown, name: string): readonly string[] => {
    // A single text would be taken apart into its letters.
    if (!Array.isArray(lesser)) throw new TypeError(`implies.${name} must be a list of scopes`)
    return lesser.length === 0 ? [] : requiredList(lesser, `implies.${name}`)
  }
  return new Map(entries.map(([name, lesser]) => [name, toLesser(lesser, name)]))
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
