import type { AuthenticatorEvent, Context } from '../context.ts'
import { IdentityError } from '../errors.ts'
import { type Actor, type Claims, none, type Organization } from '../identity.ts'
import { isWorkload } from '../internal/is-workload.ts'
import { asText } from '../internal/text.ts'
import { asNames, asScopes, readActor, readClaim, readWith } from './claims.ts'
import type { ClaimMap } from './issuer-rules.ts'
import { asOrganizations } from './organizations.ts'

/** A token that passed every rule of its issuer, reduced to what an identity is made of. */
export interface VerifiedToken<C = Claims> {
  readonly kind: 'user' | 'service'
  readonly issuer: string
  readonly subject: string
  readonly client: string | undefined
  readonly organization: Organization | undefined
  readonly organizations: readonly Organization[]
  /** Whether the token names organizations in a way that is not understood. */
  readonly organizationsUnread?: boolean
  readonly actor: Actor | undefined
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly expiresAt: number
  readonly tokenId: string | undefined
  /** SHA-256 of a credential without an id, base64url. */
  readonly tokenHash?: string | undefined
  /** Every verified claim: for comparing, never for deciding who the caller is. */
  readonly verified: Claims
  /** The verified claims without an address that the issuer does not vouch for. */
  readonly exposed: Claims
  /** What the issuer's schema made of them. */
  readonly claims: C
}

/** What claims say about the caller, before anything else is decided. */
export type CallerFacts = Omit<
  VerifiedToken,
  'issuer' | 'expiresAt' | 'verified' | 'exposed' | 'claims'
>

/**
 * Reads what verified claims say about the caller.
 *
 * @throws IdentityError `TOK` when they name no subject or could be another kind
 */
export function readCallerFacts(
  claims: Claims,
  map: Required<ClaimMap>,
  context: Context,
): CallerFacts {
  const subject = asText(readClaim(claims, map.subject))
  if (subject === undefined) throw refused('subject')
  const client = readClient(claims, map)
  const orDropped = dropper(context)
  const roles = orDropped('roles', readClaim(claims, map.roles), asNames)
  const organizationClaim = readClaim(claims, map.organization)
  const read = asOrganizations(organizationClaim, roles)
  const organizations = orDropped('organization', organizationClaim, () => read)
  return {
    kind: readKind(readWith(map.kind, claims), [subject, claims['sub']], client),
    subject,
    client,
    roles,
    organizations,
    organization: organizations.length === 1 ? organizations[0] : undefined,
    ...(read === undefined && { organizationsUnread: true }),
    actor: readActor(claims['act']),
    scopes: orDropped('scopes', readClaim(claims, map.scopes), asScopes),
    tokenId: asText(claims['jti']),
  }
}

/** A client that cannot be read could be the subject: a service would pass for a user. */
function readClient(claims: Claims, map: Required<ClaimMap>): string | undefined {
  const client = readClaim(claims, map.client)
  if (client === undefined || typeof client === 'string') return client
  throw refused('client')
}

/** Wherever the subject is read from: a token whose `sub` is its client is the client's own. */
function readKind(
  kind: unknown,
  subjects: readonly unknown[],
  client: string | undefined,
): 'user' | 'service' {
  if (client !== undefined && subjects.includes(client)) return 'service'
  if (subjects.some(isWorkload)) return 'service'
  if (kind === 'user' || kind === 'service') return kind
  throw refused('kind_unknown')
}

type Dropped = Extract<AuthenticatorEvent, { type: 'claim_dropped' }>['claim']

/** Reads a list out of a claim. One that is not understood is dropped as a whole and reported. */
export function dropper(context: Context) {
  return <T>(
    claim: Dropped,
    value: unknown,
    read: (value: unknown) => readonly T[] | undefined,
  ): readonly T[] => {
    if (value === undefined) return none
    const list = read(value)
    if (list === undefined) context.report({ type: 'claim_dropped', claim })
    return list === undefined || list.length === 0 ? none : list
  }
}

function refused(reason: string): IdentityError {
  return new IdentityError('TOK', { reason })
}
