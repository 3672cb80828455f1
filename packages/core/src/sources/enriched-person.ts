import type { Context } from '../context.ts'
import { IdentityError } from '../errors.ts'
import type { Claims, IdentityParts, Organization } from '../identity.ts'
import { isRecord } from '../internal/is-record.ts'
import { asText } from '../internal/text.ts'
import { asNames, type ClaimReader, readActor, readClaim } from '../issuer/claims.ts'
import { asOrganizations } from '../issuer/organizations.ts'
import { parseJsonObject } from '../token/parse-json.ts'
import type { VerifiedGateway } from './gateway-token.ts'

/** Where the facts about the person stand, relative to `claim` (or to the token, without it). */
export interface PersonClaimMap {
  /** Default: `sub`. Has to be given when there is no `claim`: the token's `sub` is the machine. */
  readonly subject?: ClaimReader
  /** Who issued the subject. Default: `iss`, else `issuer`, else the machine token's issuer. */
  readonly issuer?: ClaimReader
  /** Default: `organization`, else `org_id`, else `org_id` of the machine token. */
  readonly organization?: ClaimReader
  /** Default: `roles`, else `groups`. */
  readonly roles?: ClaimReader
}

/** Where a machine token says whom it is for. */
export interface PersonPlace {
  /** The claim that holds the person; the token itself without one. */
  readonly userClaim: readonly string[] | undefined
  readonly claimMap: Required<PersonClaimMap>
}

const maxPersonLength = 4096

/**
 * The claims of a machine token about a person, or `undefined` for "no person".
 *
 * @throws IdentityError `TOK` when they are not understood
 */
export function findPerson(
  token: Claims,
  { userClaim: claim, claimMap }: PersonPlace,
): Claims | undefined {
  const person = readPerson(token, claim)
  if (person === undefined || !isEmpty(readClaim(person, claimMap.subject))) return person
  // Flat claims may be those of the machine alone; an object is there to name somebody.
  if (claim !== undefined) throw unfit()
  return undefined
}

function readPerson(token: Claims, claim: ClaimReader | undefined): Claims | undefined {
  const value = claim === undefined ? token : readClaim(token, claim)
  if (isEmpty(value)) return undefined
  const person = typeof value === 'string' ? parsePerson(value) : value
  if (!isRecord(person)) throw unfit()
  return Object.keys(person).length === 0 ? undefined : person
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === ''
}

function parsePerson(text: string): Claims | undefined {
  if (text.length > maxPersonLength) return undefined
  return parseJsonObject(new TextEncoder().encode(text))
}

/**
 * What the identity of a person inside a machine token is made of, except for the claims.
 *
 * @throws IdentityError `TOK` for a fact that is not understood
 */
export function toPerson(
  person: Claims,
  { token, gateway }: VerifiedGateway,
  map: Required<PersonClaimMap>,
  { issuerName }: Pick<Context, 'issuerName'>,
): Omit<IdentityParts, 'claims'> {
  const subject = readOrUnfit(person, map.subject, asText)
  if (subject === undefined) throw unfit()
  const roles = readOrUnfit(person, map.roles, asNames) ?? []
  const organizations = readOrganizations(
    [readClaim(person, map.organization), token.verified['org_id']],
    roles,
  )
  return {
    kind: subject === gateway.client || subject === token.subject ? 'service' : 'user',
    issuer: issuerName(readOrUnfit(person, map.issuer, asText) ?? token.issuer),
    subject,
    organizations,
    scopes: token.scopes,
    roles,
    client: gateway.client,
    gateway,
    source: 'enriched',
    expiresAt: token.expiresAt,
    organization: organizations.length === 1 ? organizations[0] : undefined,
    actor: readActor(person['act'] ?? undefined),
    tokenId: token.tokenId,
    tokenHash: token.tokenHash,
  }
}

/** A claim that is empty is absent; one that is not understood refuses the token. */
function readOrUnfit<T>(
  person: Claims,
  reader: ClaimReader,
  read: (value: unknown) => T | undefined,
): T | undefined {
  const value = readClaim(person, reader)
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
