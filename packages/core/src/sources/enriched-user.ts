import type { Context } from '../context.ts'
import { IdentityError } from '../errors.ts'
import { type Claims, type IdentityParts, type Organization } from '../identity.ts'
import { asText, isEmpty, isRecord } from '../internal/values.ts'
import {
  asNames,
  asOrganizations,
  type ClaimReader,
  readActor,
  readClaim,
} from '../issuer/claims.ts'
import { isWorkload } from '../issuer/kind.ts'
import { parseJsonObject } from '../token/json-object.ts'
import type { VerifiedGateway } from './gateway-token.ts'

/** Where the facts about the user are, relative to `claim` (or to the token, without it). */
export interface UserClaimMap {
  /** Default: `sub`. Has to be given when there is no `claim`: the token's `sub` is the gateway. */
  readonly subject?: ClaimReader
  /** Who issued the subject. Default: `iss`, else `issuer`, else the machine token's issuer. */
  readonly issuer?: ClaimReader
  /** Default: `organization`, else `org_id`, else `org_id` of the machine token. */
  readonly organization?: ClaimReader
  /** Default: `roles`, else `groups`. */
  readonly roles?: ClaimReader
}

/** Where a machine token says whom it is for. */
export interface UserPlace {
  /** The claim that holds the user; the token itself without one. */
  readonly userClaim: readonly string[] | undefined
  readonly claimMap: Required<UserClaimMap>
}

const maxUserLength = 4096

/**
 * The claims of a machine token about a user, or `undefined` for "no user".
 *
 * @throws IdentityError `TOK` when they are not understood
 */
export function findUser(
  token: Claims,
  { userClaim: claim, claimMap }: UserPlace,
): Claims | undefined {
  const user = readUser(token, claim)
  if (user === undefined || !isEmpty(readClaim(user, claimMap.subject))) return user
  // Flat claims may describe the gateway alone; an object is there to name a user.
  if (claim !== undefined) throw unfit()
  return undefined
}

function readUser(token: Claims, claim: ClaimReader | undefined): Claims | undefined {
  const value = claim === undefined ? token : readClaim(token, claim)
  if (isEmpty(value)) return undefined
  const user = typeof value === 'string' ? parseUser(value) : value
  if (!isRecord(user)) throw unfit()
  return Object.keys(user).length === 0 ? undefined : user
}

function parseUser(text: string): Claims | undefined {
  if (text.length > maxUserLength) return undefined
  return parseJsonObject(new TextEncoder().encode(text))
}

/**
 * What the identity of a user inside a machine token is made of, except for the claims.
 *
 * @throws IdentityError `TOK` for a fact that is not understood
 */
export function toUser(
  user: Claims,
  { token, gateway }: VerifiedGateway,
  map: Required<UserClaimMap>,
  { issuerName }: Pick<Context, 'issuerName'>,
): Omit<IdentityParts, 'claims'> {
  const subject = readOrUnfit(user, map.subject, asText)
  if (subject === undefined) throw unfit()
  const roles = readOrUnfit(user, map.roles, asNames) ?? []
  const organizations = readOrganizations(
    [readClaim(user, map.organization), token.verified['org_id']],
    roles,
  )
  const isGateway = subject === gateway.client || subject === token.subject
  const isService = isGateway || isWorkload(subject)
  return {
    kind: isService ? 'service' : 'user',
    issuer: issuerName(readOrUnfit(user, map.issuer, asText) ?? token.issuer),
    subject,
    organizations,
    scopes: token.scopes,
    roles,
    client: gateway.client,
    gateway,
    source: 'enriched',
    expiresAt: token.expiresAt,
    organization: organizations.length === 1 ? organizations[0] : undefined,
    actor: readActor(user['act'] ?? undefined),
    tokenId: token.tokenId,
    tokenHash: token.tokenHash,
  }
}

/** A claim that is empty is absent; one that is not understood refuses the token. */
function readOrUnfit<T>(
  user: Claims,
  reader: ClaimReader,
  read: (value: unknown) => T | undefined,
): T | undefined {
  const value = readClaim(user, reader)
  if (isEmpty(value)) return undefined
  const fact = read(value)
  if (fact === undefined) throw unfit()
  return fact
}

/** The first claim that names an organization. One that is not understood is not passed over. */
function readOrganizations(
  claims: readonly unknown[],
  roles: readonly string[],
): readonly Organization[] {
  for (const claim of claims) {
    const organizations = asOrganizations(claim, roles)
    if (organizations === undefined) throw unfit()
    if (organizations.length > 0) return organizations
  }
  return []
}

function unfit(): IdentityError {
  return new IdentityError('TOK', { reason: 'enriched_claim' })
}
