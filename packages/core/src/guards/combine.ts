import type { Identity } from '../identity.ts'
import { ask } from './decide.ts'
import {
  allow,
  type Call,
  type Decision,
  type Deny,
  deny,
  type Guard,
  type Limit,
  type Narrowed,
  unknown,
} from './guard.ts'

type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (
  value: infer I,
) => void
  ? I
  : never
type AllOf<G extends readonly Guard<never>[]> = Intersection<Narrowed<G[number]>> & Identity

/**
 * Allows when every guard allows. A refusal that no consent can repair comes before a missing
 * scope, and missing scopes are named together, so that one step-up is enough. Limits count the call when
 * every guard has allowed it.
 *
 * @throws TypeError without guards
 */
export function all<const G extends readonly Guard<never>[]>(...guards: G): Guard<AllOf<G>> {
  const combined = combine<AllOf<G>>('all', guards, (decisions) => {
    const denials = decisions.filter(isDeny)
    if (denials.length > 0) return denials.find(isFinal) ?? withAllScopes(denials)
    if (decisions.some(({ effect }) => effect === 'unknown')) return unknown
    return sameOrganization(decisions)
  })
  const limits: readonly Limit[] = [...new Set(guards.flatMap((guard) => guard.limits ?? []))]
  const scopes = [...new Set(guards.flatMap((guard) => guard.scopes ?? []))]
  return Object.freeze({
    ...combined,
    ...(limits.length > 0 && { limits }),
    ...(scopes.length > 0 && { scopes }),
  })
}

/**
 * Allows when one guard allows. If all deny, the refusal that consent can repair is preferred.
 *
 * @throws TypeError without guards, and for a limit: as an alternative it would allow everybody
 */
export function any<const G extends readonly Guard<never>[]>(
  ...guards: G
): Guard<Narrowed<G[number]> & Identity> {
  if (guards.some(({ limits }) => limits !== undefined)) {
    throw new TypeError('a limit cannot be one of several alternatives: put it beside any, in all')
  }
  return combine('any', guards, (decisions) => {
    const allowed = decisions.find(({ effect }) => effect === 'allow')
    if (allowed) return allowed
    if (decisions.some(({ effect }) => effect === 'unknown')) return unknown
    const denials = decisions.filter(isDeny)
    return denials.find((denial) => !isFinal(denial)) ?? denials[0] ?? deny('any', 'guard_error')
  })
}

function combine<N extends Identity>(
  name: string,
  guards: readonly Guard<never>[],
  merge: (decisions: readonly Decision[]) => Decision,
): Guard<N> {
  if (guards.length === 0) throw new TypeError(`${name} needs at least one guard`)
  const decide = (identity: Identity, call?: Call): Decision | Promise<Decision> => {
    const decisions = guards.map((guard) => ask(guard, identity, call))
    // Stays synchronous when it can: a server's own errors keep their HTTP status that way.
    return decisions.some((decision) => decision instanceof Promise)
      ? Promise.all(decisions.map((decision) => Promise.resolve(decision))).then(merge)
      : merge(decisions as Decision[])
  }
  return Object.freeze({ name: `${name}(${guards.map((guard) => guard.name).join(', ')})`, decide })
}

function isDeny(decision: Decision): decision is Deny {
  return decision.effect === 'deny'
}

function isFinal(denial: Deny): boolean {
  return denial.reason !== 'scope_missing'
}

function withAllScopes(denials: readonly Deny[]): Deny {
  const scopes = new Set(denials.flatMap((denial) => denial.required.scopes ?? []))
  return deny('all', 'scope_missing', { scopes: [...scopes] })
}

function sameOrganization(decisions: readonly Decision[]): Decision {
  const chosen = new Set(
    decisions.flatMap((decision) =>
      decision.effect === 'allow' && decision.organization !== undefined
        ? [decision.organization]
        : [],
    ),
  )
  if (chosen.size > 1) return deny('all', 'org_mismatch')
  const [organization] = chosen
  return organization === undefined ? allow : Object.freeze({ effect: 'allow', organization })
}
