import type { Identity } from '@onbehalf/core'
import { isSameCaller } from './session-owner.ts'

/** Whether the same caller comes with other scopes, roles or organizations than before. */
export function hasOtherGrants(before: Identity, now: Identity): boolean {
  return isSameCaller(before, now) && grantsOf(before) !== grantsOf(now)
}

function grantsOf({ scopes, roles, organization, organizations }: Identity): string {
  const all = [organization, ...organizations].map((it) => it && [it.id, sorted(it.roles)])
  return JSON.stringify([sorted(scopes), sorted(roles), all])
}

function sorted(names: readonly string[]): readonly string[] {
  return [...names].sort()
}
