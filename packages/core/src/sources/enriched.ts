import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { IdentityError } from '../errors.ts'
import { type Claims, createIdentity, type Identity } from '../identity.ts'
import {
  assertOptions,
  headerName,
  type OneOrMore,
  type OptionNames,
  toList,
} from '../internal/options.ts'
import { exposeClaims } from '../issuer/accept-claims.ts'
import { assertClaimMap } from '../issuer/caller-facts.ts'
import { toSchema } from '../issuer/claim-options.ts'
import { applySchema, firstOf } from '../issuer/claims.ts'
import type { Issuer } from '../issuer/issuer.ts'
import type { StandardSchema } from '../issuer/standard-schema.ts'
import { noteIssuedFor } from '../resources/at-resource.ts'
import { asRepeatable } from '../verdicts/conditions.ts'
import { findUser, toUser, type UserClaimMap, type UserPlace } from './enriched-user.ts'
import {
  broken,
  requireClients,
  type VerifiedGateway,
  verifyGateway,
  withinTenants,
} from './gateway-token.ts'
import { assertIssuer, namesIssuer, type Source, toIdentity } from './source.ts'
import { verifyTokenPair } from './token-pair.ts'

export interface EnrichedOptions<C = Claims> {
  /** Who issues the machine token; its `clients` are required. */
  readonly issuer: Issuer<unknown>
  /**
   * The claim that holds the user, as an object or as JSON text (up to 4096 characters). Leave it
   * out for flat claims and say in `claimMap` where they are.
   */
  readonly userClaim?: string | readonly string[]
  /**
   * Header of the token that carries the user, where `Authorization` carries the gateway's own: a
   * machine token of the same client, without a user. Default: `Authorization` carries the user.
   */
  readonly header?: string
  /** Clients of the issuer that may vouch for users. Default: all its `clients`. */
  readonly clients?: OneOrMore<string>
  readonly claimMap?: UserClaimMap
  /** Schema for the user's claims (zod or any Standard Schema): types `identity.claims`. */
  readonly schema?: StandardSchema<C>
  /**
   * Accepts the gateway without a user, as a `service`, and shows it every item of a list: for its
   * own list synchronization. Its calls are still authorized. Default: without a user it is refused.
   */
  readonly gatewayMayList?: boolean
}

const knownOptions: OptionNames<EnrichedOptions> = {
  issuer: true,
  userClaim: true,
  header: true,
  clients: true,
  claimMap: true,
  schema: true,
  gatewayMayList: true,
}

/**
 * The gateway's machine token carries the user inside: put there by the issuer (a Cognito pre token
 * generation trigger, for example) for a client that may vouch. It is in `Authorization`, or in
 * `header` beside the gateway's own token; then both must verify, and be of one client.
 *
 * An absent, empty or `null` claim is "no user". In `Authorization`, a token of a client that may not
 * vouch identifies that client, whatever else it says.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function enriched<C = Claims>(options: EnrichedOptions<C>): Source<C | Claims> {
  const { issuer, gatewayMayList = false } = options
  const vouching = toVouching(options)
  const place = toPlace(options)
  const schema = toSchema(options.schema)
  const header = toHeader(options.header)
  assertOptions('enriched', options, knownOptions)
  const vouches = ({ gateway }: VerifiedGateway): boolean => vouching.includes(gateway.client)

  async function identify(
    credentials: Credentials,
    context: Context,
  ): Promise<Identity<C | Claims>> {
    const sender = await verifyGateway(issuer, credentials, context)
    if (!vouches(sender)) return toService(sender)
    const user = findUser(sender.token.exposed, place)
    if (user !== undefined) return identifyUser(user, sender, context)
    if (!gatewayMayList) throw new IdentityError('MISSING', { reason: 'obo_missing' })
    return toService(sender, true)
  }

  /** The same, with the user in a separate header. */
  const identifyBeside = (name: string): Source<C | Claims>['identify'] =>
    async function identifyInHeader(credentials, context) {
      const { own, beside } = await verifyTokenPair(name, issuer, credentials, context)
      // Two users in one call, or a user token instead of the gateway's own.
      if (findUser(own.token.exposed, place)) throw broken('binding_roles_swapped')
      if (beside === undefined) return toService(own, vouches(own))
      if (!vouches(beside)) throw new IdentityError('TOK', { reason: 'client' })
      const user = findUser(beside.token.exposed, place)
      if (user === undefined) throw new IdentityError('MISSING', { reason: 'obo_missing' })
      const expiresAt = Math.min(own.token.expiresAt, beside.token.expiresAt)
      const carrier = { ...beside, token: { ...beside.token, expiresAt } }
      return identifyUser(user, carrier, context, own)
    }

  async function identifyUser(
    user: Claims,
    sender: VerifiedGateway,
    context: Context,
    caller: VerifiedGateway = sender,
  ): Promise<Identity<C>> {
    // As with any token: what decides sees no more than handlers do.
    const isFlat = user === sender.token.exposed
    const exposed = isFlat ? user : exposeClaims(user, { vouchesForEmail: false }, context)
    const claims = await applySchema(exposed, schema, context)
    const parts = toUser(exposed, sender, place.claimMap, context)
    // The token that carries the user may be of certain organizations too, and so may the caller's own.
    const carried = { ...parts, ...withinTenants(parts, sender.token) }
    const within = withinTenants(carried, caller.token)
    // The user's own session and token, where the claim names them. When they signed in cannot be
    // known: `iat` is the machine token's, or whatever the issuer's trigger wrote.
    const { iat: _iat, ...known } = user
    await context.checkRevoked({ ...parts, claims: known })
    const identity = createIdentity<C>({ ...parts, ...within, claims })
    return noteIssuedFor(identity, sender.token.isIssuedForResource)
  }

  const comesFromGateway = (credentials: Credentials): boolean =>
    namesIssuer(credentials, 'authorization', [issuer])
  const lacksUser = (credentials: Credentials): boolean =>
    header !== undefined && comesFromGateway(credentials) && !credentials.present.has(header)
  const namesUser = (credentials: Credentials): boolean =>
    header === undefined ||
    (lacksUser(credentials) ? gatewayMayList : namesIssuer(credentials, header, [issuer]))

  return asRepeatable(
    Object.freeze<Source<C | Claims>>({
      kind: 'enriched',
      tokenHeaders: ['authorization', ...(header === undefined ? [] : [header])],
      valueHeaders: [],
      issuers: [issuer],
      authorizationIssuer: issuer,
      applies: (credentials) => comesFromGateway(credentials) && namesUser(credentials),
      missing: (credentials) => (lacksUser(credentials) ? 'obo_missing' : undefined),
      identify: header === undefined ? identify : identifyBeside(header),
    }),
  )
}

function toService({ token, gateway }: VerifiedGateway, gatewayMayList = false): Identity {
  const provenance = { source: 'enriched', gateway, gatewayMayList } as const
  return toIdentity({ ...token, claims: token.exposed }, provenance)
}

function toHeader(name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  const header = headerName(name, 'header')
  if (header === 'authorization') throw new TypeError('header must not be Authorization')
  return header
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

const userMembers = ['subject', 'issuer', 'organization', 'roles']

function toPlace(options: EnrichedOptions<unknown>): UserPlace {
  const claim = toList(options.userClaim, 'userClaim')
  const { claimMap = {} } = options
  assertClaimMap(claimMap, userMembers)
  if (claim === undefined && claimMap.subject === undefined) {
    throw new TypeError('claimMap.subject is required without userClaim')
  }
  const defaults: Required<UserClaimMap> = {
    subject: 'sub',
    issuer: firstOf('iss', 'issuer'),
    organization: firstOf('organization', 'org_id'),
    roles: firstOf('roles', 'groups'),
    // Flat claims are next to the gateway's own: its `iss` is not a claim about the user.
    ...(claim === undefined && { issuer: () => undefined }),
  }
  return { userClaim: claim, claimMap: { ...defaults, ...claimMap } }
}
