import type { Identity } from '@onbehalf/core'
import { isSameCaller } from './session-owner.ts'

/** Whether the same caller comes with other scopes, roles or organizations than before. */
export function hasOtherGrants(before: Identity, now: Identity): boolean {
  if (!isSameCaller(before, now)) return false
  return String(grantsOf(before).sort()) !== String(grantsOf(now).sort())
}

/**
 * What one caller was granted so far. A user may have several tokens at a time: nothing changes when they
 * alternate.
 */
export class SeenGrants {
  readonly #seen: Set<string>
  #last: Identity

  constructor(first: Identity) {
    this.#last = first
    this.#seen = new Set(grantsOf(first))
  }

  /** Whether the same caller, through the same client, has a grant that was not seen before. */
  grow(identity: Identity): boolean {
    const last = this.#last
    if (identity === last) return false
    if (!isSameCaller(last, identity) || last.client !== identity.client) return false
    this.#last = identity
    const before = this.#seen.size
    for (const grant of grantsOf(identity)) this.#seen.add(grant)
    return this.#seen.size > before
  }
}

/** Each scope, role and organization as one text. */
function grantsOf({ scopes, roles, organization, organizations }: Identity): string[] {
  const all = [organization, ...organizations].flatMap((it) => (it ? [it] : []))
  const grants = [
    ...scopes.map((scope) => ['scope', scope]),
    ...roles.map((role) => ['role', role]),
    ...all.flatMap(({ id, roles: held }) => [['in', id], ...held.map((role) => ['in', id, role])]),
  ]
  return [...new Set(grants.map((grant) => JSON.stringify(grant)))]
}
