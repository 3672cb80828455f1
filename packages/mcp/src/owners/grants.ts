import type { Identity } from '@onbehalf/core'
import { isSameCaller } from './session-owner.ts'

/** Notices that the caller of a connection may do something else than at the request before. */
export class Grants {
  #last: Identity | undefined

  /** Whether this caller spoke before, with other scopes, roles or organizations. */
  change(identity: Identity | undefined): boolean {
    const last = this.#last
    if (identity === undefined || identity === last) return false
    this.#last = identity
    return (
      last !== undefined && isSameCaller(last, identity) && grantsOf(last) !== grantsOf(identity)
    )
  }
}

function grantsOf({ scopes, roles, organization, organizations }: Identity): string {
  const all = [organization, ...organizations].map((it) => it && [it.id, sorted(it.roles)])
  return JSON.stringify([sorted(scopes), sorted(roles), all])
}

function sorted(names: readonly string[]): readonly string[] {
  return [...names].sort()
}
