import { assertClaimMap } from '../claim-map.ts'
import { toSchema } from '../claim-options.ts'
import {
  applySchema,
  asNames,
  asText,
  type ClaimReader,
  exposedClaims,
  firstOf,
  readActor,
  readClaim,
} from '../claims.ts'
import type { Context } from '../context.ts'
import type { Credentials } from '../credentials.ts'
import { IdentityError } from '../errors.ts'
import { type Claims, createIdentity, type Identity, type Organization } from '../identity.ts'
import type { Issuer } from '../issuer.ts'
import { type OneOrMore, toList } from '../one-or-more.ts'
import { asOrganizations } from '../organizations.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { isPlainObject, parseJsonObject } from '../token/parse-json.ts'
import { requireClients, type VerifiedGateway, verifyGateway } from './gateway-token.ts'
import { assertIssuer, namesIssuer, type Source } from './source.ts'
import { toIdentity } from './to-identity.ts'

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

export interface EnrichedOptions<C = Claims> {
  /** Who issues the machine token; its `clients` are required. */
  readonly issuer: Issuer<unknown>
  /**
   * The claim that holds the person, as an object or as JSON text (up to 4096 characters). Leave it
   * out for flat claims and say in `claimMap` where they stand.
   */
  readonly claim?: string | readonly string[]
  /** Clients of the issuer that may vouch for persons. Default: all its `clients`. */
  readonly clients?: OneOrMore<string>
  readonly claimMap?: PersonClaimMap
  /** Schema for the person's claims (zod or any Standard Schema): types `identity.claims`. */
  readonly claims?: StandardSchema<C>
  /**
   * Accepts the gateway without a person, as a `service`: for its own list synchronization.
   * Default: such a call is refused.
   */
  readonly userOptional?: boolean
}

/**
 * `Authorization` carries the gateway's machine token, and the person is inside it: put there by
 * the issuer (a Cognito pre token generation trigger, for example) for a client that may vouch.
 *
 * An absent, empty or `null` claim is "no person". A token of a client that may not vouch stands for
 * that client, whatever else it says.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function enriched<C = Claims>(options: EnrichedOptions<C>): Source<C | Claims> {
  const { issuer, userOptional = false } = options
  const claim = toList(options.claim, 'claim')
  const vouching = toVouching(options)
  const claimMap = toClaimMap(options)
  const schema = toSchema(options.claims)

  async function identify(
    credentials: Credentials,
    context: Context,
  ): Promise<Identity<C | Claims>> {
    const machine = await verifyGateway(issuer, credentials, context)
    const { token, gateway } = machine
    const person = vouching.includes(gateway.client) ? readPerson(token.verified, claim) : undefined
    if (person !== undefined && !isEmpty(readClaim(person, claimMap.subject))) {
      const claims = await applySchema(exposedClaims(person), schema)
      const identity = toPerson(person, claims, machine, claimMap)
      // The person's own session and token, where the claim names them.
      await context.checkRevoked({ ...identity, claims: { iat: token.verified['iat'], ...person } })
      return identity
    }
    if (person !== undefined && claim !== undefined) throw unfit()
    if (vouching.includes(gateway.client) && !userOptional) {
      throw new IdentityError('MISSING', { reason: 'obo_missing' })
    }
    const claims = exposedClaims(token.verified)
    return toIdentity({ ...token, claims }, { source: 'enriched', gateway })
  }

  return Object.freeze<Source<C | Claims>>({
    kind: 'enriched',
    tokenHeaders: ['authorization'],
    valueHeaders: [],
    issuers: [issuer],
    authorizationIssuer: issuer,
    applies: (credentials: Credentials) => namesIssuer(credentials, 'authorization', [issuer]),
    identify,
  })
}

function toVouching({ issuer, clients }: EnrichedOptions<unknown>): readonly string[] {
  assertIssuer(issuer, 'issuer')
  const listed = toList(clients, 'clients')
  if (listed === undefined) return requireClients(issuer, 'issuer')
  // The issuer refuses any other client: one that is listed here by mistake would never vouch.
  const known = listed.every((client) => issuer.clients?.includes(client) ?? true)
  if (!known) throw new TypeError('clients must be clients of the issuer')
  return listed
}

const personMembers = ['subject', 'issuer', 'organization', 'roles']

function toClaimMap(options: EnrichedOptions<unknown>): Required<PersonClaimMap> {
  const { claim, claimMap = {} } = options
  assertClaimMap(claimMap, personMembers)
  if (claim === undefined && claimMap.subject === undefined) {
    throw new TypeError('claimMap.subject is required without claim')
  }
  return {
    subject: 'sub',
    issuer: firstOf('iss', 'issuer'),
    organization: firstOf('organization', 'org_id'),
    roles: firstOf('roles', 'groups'),
    // Flat claims stand beside the machine's own: its `iss` is not a claim about the person.
    ...(claim === undefined && { issuer: () => undefined }),
    ...claimMap,
  }
}

const maxPersonLength = 4096

/** The person's claims, or `undefined` for "no person". */
function readPerson(token: Claims, claim: ClaimReader | undefined): Claims | undefined {
  const value = claim === undefined ? token : readClaim(token, claim)
  if (isEmpty(value)) return undefined
  const person = typeof value === 'string' ? parsePerson(value) : value
  if (!isPlainObject(person)) throw unfit()
  return Object.keys(person).length === 0 ? undefined : person
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === ''
}

function parsePerson(text: string): Claims | undefined {
  if (text.length > maxPersonLength) return undefined
  return parseJsonObject(new TextEncoder().encode(text))
}

function toPerson<C>(
  person: Claims,
  claims: C,
  machine: VerifiedGateway,
  map: Required<PersonClaimMap>,
): Identity<C> {
  const { token, gateway } = machine
  const subject = readOrUnfit(person, map.subject, asText)
  if (subject === undefined) throw unfit()
  const roles = readOrUnfit(person, map.roles, asNames) ?? []
  const organizations = readOrganizations(
    [readClaim(person, map.organization), token.verified['org_id']],
    roles,
  )
  const [organization] = organizations
  const actor = readActor(person['act'] ?? undefined)
  return createIdentity<C>({
    kind: subject === gateway.client || subject === token.subject ? 'service' : 'user',
    issuer: readOrUnfit(person, map.issuer, asText) ?? token.issuer,
    subject,
    organizations,
    scopes: token.scopes,
    roles,
    client: gateway.client,
    gateway,
    source: 'enriched',
    expiresAt: token.expiresAt,
    claims,
    ...(organization && organizations.length === 1 && { organization }),
    ...(actor && { actor }),
    ...(token.tokenId !== undefined && { tokenId: token.tokenId }),
  })
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
