import {
  asNames,
  asOrganizations,
  asScopes,
  asText,
  type ClaimReader,
  readActor,
  readClaim,
  readWith,
} from './claims.ts'
import type { Context } from './context.ts'
import { IdentityError } from './errors.ts'
import type { Actor, Claims, Organization } from './identity.ts'
import type { ClaimMap } from './issuer-rules.ts'

/** A token that passed every rule of its issuer, reduced to what an identity is made of. */
export interface VerifiedToken<C = Claims> {
  readonly kind: 'user' | 'service'
  readonly issuer: string
  readonly subject: string
  readonly client: string | undefined
  readonly organization: Organization | undefined
  readonly organizations: readonly Organization[]
  readonly actor: Actor | undefined
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly expiresAt: number
  readonly tokenId: string | undefined
  /** Every verified claim. */
  readonly verified: Claims
  /** What the issuer's schema made of them. */
  readonly claims: C
}

/** What claims say about the caller, before anything else is decided. */
export type CallerFacts = Omit<VerifiedToken, 'issuer' | 'expiresAt' | 'verified' | 'claims'>

/**
 * Reads what verified claims say about the caller.
 *
 * @throws IdentityError `TOK` when they name no subject or cannot be told apart from another kind
 */
export function readCallerFacts(
  claims: Claims,
  map: Required<ClaimMap>,
  context: Context,
): CallerFacts {
  const subject = asText(readClaim(claims, map.subject))
  if (subject === undefined) throw refused('subject')
  const client = asText(readClaim(claims, map.client))
  const roles = orDropped(asNames, readClaim(claims, map.roles), 'roles', context)
  const organizations = readOrganizations(claims, map.organization, roles)
  return {
    kind: readKind(readWith(map.kind, claims), subject, client),
    subject,
    client,
    roles,
    organizations,
    organization: organizations.length === 1 ? organizations[0] : undefined,
    actor: readActor(claims['act']),
    scopes: orDropped(asScopes, readClaim(claims, map.scopes), 'scopes', context),
    tokenId: asText(claims['jti']),
  }
}

function readKind(kind: unknown, subject: string, client: string | undefined): 'user' | 'service' {
  if (subject === client) return 'service'
  if (kind === 'user' || kind === 'service') return kind
  throw refused('token_type')
}

function orDropped(
  convert: (value: unknown) => readonly string[] | undefined,
  value: unknown,
  claim: 'roles' | 'scopes',
  context: Context,
): readonly string[] {
  if (value === undefined) return []
  const names = convert(value)
  if (names === undefined) context.report({ type: 'claim_dropped', claim })
  return names ?? []
}

/** In a token for one organization, its roles are roles in that organization. */
export function readOrganizations(
  claims: Claims,
  reader: ClaimReader,
  roles: readonly string[],
): readonly Organization[] {
  const listed = asOrganizations(readClaim(claims, reader))
  const [only] = listed
  if (only === undefined || listed.length > 1 || only.roles.length > 0) return listed
  return [{ ...only, roles }]
}

function refused(reason: string): IdentityError {
  return new IdentityError('TOK', { reason })
}
