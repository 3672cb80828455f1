import { reservedCognitoClaims } from '@onbehalf/core/internal'
import { errors } from 'oidc-provider'
import type { ClaimSet } from './claims.ts'

/** What a trigger asked for, complete and of the right types. */
export interface TokenChanges {
  readonly claimsToAddOrOverride: ClaimSet
  readonly claimsToSuppress: readonly string[]
  readonly scopesToAdd: readonly string[]
  readonly scopesToSuppress: readonly string[]
}

/** An access token's claims and scopes with the trigger's changes. */
export interface ShapedToken {
  readonly claims: ClaimSet
  readonly scopes: readonly string[]
}

const FREE_COGNITO_CLAIMS: ReadonlySet<string> = new Set([
  'cognito:groups',
  'cognito:preferred_role',
  'cognito:roles',
])
const MAX_CHANGES = 5000
// RFC 6749 section 3.3.
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/

/**
 * Applies what a trigger asked for; suppressing wins over adding. `audience` is the only value that `aud`
 * may be given, if any.
 *
 * @throws an OAuth `invalid_request` when a reserved claim is touched, a scope is not a scope token, or more
 * than 5000 claims and scopes are asked for.
 */
export function applyChanges(
  token: ShapedToken,
  changes: TokenChanges,
  audience: string | undefined,
): ShapedToken {
  assertChanges(changes, audience)
  const claims = { ...token.claims, ...changes.claimsToAddOrOverride }
  const scopes = new Set([...token.scopes, ...changes.scopesToAdd])
  return {
    claims: omit(claims, changes.claimsToSuppress),
    scopes: [...scopes].filter((scope) => !changes.scopesToSuppress.includes(scope)),
  }
}

function assertChanges(changes: TokenChanges, audience: string | undefined): void {
  const { claimsToAddOrOverride: added, claimsToSuppress, scopesToAdd, scopesToSuppress } = changes
  const { aud = audience, ...others } = added
  const touched = [...Object.keys(others), ...claimsToSuppress]
  if (aud !== audience || claimsToSuppress.includes('aud') || touched.some(isReserved)) {
    throw new errors.InvalidRequest('the trigger changes a reserved claim')
  }
  if (![...scopesToAdd, ...scopesToSuppress].every((scope) => SCOPE_TOKEN.test(scope))) {
    throw new errors.InvalidRequest('the trigger names a scope that is none')
  }
  if (touched.length + scopesToAdd.length + scopesToSuppress.length > MAX_CHANGES) {
    throw new errors.InvalidRequest('the trigger asks for too many changes')
  }
}

function isReserved(claim: string): boolean {
  if (claim.startsWith('cognito:')) return !FREE_COGNITO_CLAIMS.has(claim)
  return reservedCognitoClaims.has(claim)
}

function omit(claims: ClaimSet, names: readonly string[]): ClaimSet {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !names.includes(name)))
}
