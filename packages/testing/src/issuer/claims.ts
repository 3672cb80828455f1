import { randomUUID } from 'node:crypto'
import type { LocalIssuerProfile, LocalUser } from './options.ts'

/** Claims by name. A claim that is `undefined` is absent. */
export type ClaimSet = Record<string, unknown>

/** Claim names of ID tokens; oidc-provider releases no others. */
export const ID_TOKEN_CLAIMS: readonly string[] = [
  'sub',
  'org_id',
  'org_name',
  'organizations',
  'roles',
  'name',
  'email',
  'token_use',
  'cognito:username',
  'cognito:groups',
  'custom:org_id',
]

/** What a user's access token says beyond the registered claims. */
export function userAccessClaims(profile: LocalIssuerProfile, user: LocalUser): ClaimSet {
  if (profile === 'standard') return { ...organizationClaims(user), ...user.claims }
  const { id: username, roles } = user
  return { username, 'cognito:groups': roles, origin_jti: randomUUID(), ...user.claims }
}

/** What a user's ID token says. */
export function userIdClaims(profile: LocalIssuerProfile, user: LocalUser): ClaimSet {
  const { id, name, email } = user
  if (profile === 'standard') return { sub: id, name, email, ...organizationClaims(user) }
  return {
    sub: id,
    name,
    email,
    token_use: 'id',
    'cognito:username': id,
    'cognito:groups': user.roles,
    'custom:org_id': user.organization?.id,
  }
}

/** What every access token of the profile says. `issuedAt` in seconds since 1970. */
export function profileClaims(profile: LocalIssuerProfile, issuedAt: number): ClaimSet {
  return profile === 'cognito' ? { token_use: 'access', version: 2, auth_time: issuedAt } : {}
}

function organizationClaims(user: LocalUser): ClaimSet {
  const { organization, organizations, roles } = user
  return { org_id: organization?.id, org_name: organization?.name, organizations, roles }
}
