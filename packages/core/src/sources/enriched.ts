import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { IdentityError } from '../errors.ts'
import { type Claims, createIdentity, type Identity } from '../identity.ts'
import { headerName } from '../internal/header-name.ts'
import { type OneOrMore, toList } from '../internal/one-or-more.ts'
import { exposeClaims } from '../issuer/accept-claims.ts'
import { assertClaimMap } from '../issuer/claim-map.ts'
import { toSchema } from '../issuer/claim-options.ts'
import { applySchema, firstOf } from '../issuer/claims.ts'
import type { Issuer } from '../issuer/issuer.ts'
import type { StandardSchema } from '../issuer/standard-schema.ts'
import { broken, withinTenants } from './binding.ts'
import { findPerson, type PersonClaimMap, type PersonPlace, toPerson } from './enriched-person.ts'
import { requireClients, type VerifiedGateway, verifyGateway } from './gateway-token.ts'
import { verifyMachinePair } from './machine-pair.ts'
import { assertIssuer, namesIssuer, type Source } from './source.ts'
import { toIdentity } from './to-identity.ts'

export interface EnrichedOptions<C = Claims> {
  /** Who issues the machine token; its `clients` are required. */
  readonly issuer: Issuer<unknown>
  /**
   * The claim that holds the person, as an object or as JSON text (up to 4096 characters). Leave it
   * out for flat claims and say in `claimMap` where they stand.
   */
  readonly userClaim?: string | readonly string[]
  /**
   * Header of the token that carries the person, where `Authorization` carries the gateway's own: a
   * machine token of the same client, without a person. Default: `Authorization` carries the person.
   */
  readonly header?: string
  /** Clients of the issuer that may vouch for persons. Default: all its `clients`. */
  readonly clients?: OneOrMore<string>
  readonly claimMap?: PersonClaimMap
  /** Schema for the person's claims (zod or any Standard Schema): types `identity.claims`. */
  readonly schema?: StandardSchema<C>
  /**
   * Accepts the gateway without a person, as a `service`: for its own list synchronization.
   * Default: such a call is refused.
   */
  readonly userOptional?: boolean
}

/**
 * The gateway's machine token carries the person inside: put there by the issuer (a Cognito pre token
 * generation trigger, for example) for a client that may vouch. It stands in `Authorization`, or in
 * `header` beside the gateway's own token; then both must verify, and be of one client.
 *
 * An absent, empty or `null` claim is "no person". In `Authorization`, a token of a client that may not
 * vouch stands for that client, whatever else it says.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function enriched<C = Claims>(options: EnrichedOptions<C>): Source<C | Claims> {
  const { issuer, userOptional = false } = options
  const vouching = toVouching(options)
  const place = toPlace(options)
  const schema = toSchema(options.schema)
  const header = toHeader(options.header)
  const vouches = ({ gateway }: VerifiedGateway): boolean => vouching.includes(gateway.client)

  async function identify(
    credentials: Credentials,
    context: Context,
  ): Promise<Identity<C | Claims>> {
    const machine = await verifyGateway(issuer, credentials, context)
    if (!vouches(machine)) return toService(machine)
    const person = findPerson(machine.token.exposed, place)
    if (person !== undefined) return identifyPerson(person, machine, context)
    if (!userOptional) throw new IdentityError('MISSING', { reason: 'obo_missing' })
    return toService(machine)
  }

  /** The same, with the person in a header of its own. */
  const identifyBeside = (name: string): Source<C | Claims>['identify'] =>
    async function identifyInHeader(credentials, context) {
      const { own, beside } = await verifyMachinePair(name, issuer, credentials, context)
      // Two persons in one call, or one in the place of the machine.
      if (findPerson(own.token.exposed, place)) throw broken('binding_roles_swapped')
      if (beside === undefined) return toService(own)
      if (!vouches(beside)) throw new IdentityError('TOK', { reason: 'client' })
      const person = findPerson(beside.token.exposed, place)
      if (person === undefined) throw new IdentityError('MISSING', { reason: 'obo_missing' })
      const expiresAt = Math.min(own.token.expiresAt, beside.token.expiresAt)
      const carrier = { ...beside, token: { ...beside.token, expiresAt } }
      return identifyPerson(person, carrier, context, own)
    }

  async function identifyPerson(
    person: Claims,
    machine: VerifiedGateway,
    context: Context,
    caller: VerifiedGateway = machine,
  ): Promise<Identity<C>> {
    // As with any token: what decides sees no more than handlers do.
    const isFlat = person === machine.token.exposed
    const exposed = isFlat ? person : exposeClaims(person, { vouchesForEmail: false }, context)
    const claims = await applySchema(exposed, schema)
    const parts = toPerson(exposed, machine, place.claimMap, context)
    const within = withinTenants(parts, caller.token)
    // The user's own session and token, where the claim names them. When they signed in cannot be
    // told: `iat` is the machine token's, or whatever the issuer's trigger wrote.
    const { iat: _iat, ...known } = person
    await context.checkRevoked({ ...parts, claims: known })
    return createIdentity<C>({ ...parts, ...within, claims })
  }

  const comesFromGateway = (credentials: Credentials): boolean =>
    namesIssuer(credentials, 'authorization', [issuer])
  const lacksPerson = (credentials: Credentials): boolean =>
    header !== undefined && comesFromGateway(credentials) && !credentials.present.has(header)
  const namesPerson = (credentials: Credentials): boolean =>
    header === undefined ||
    (lacksPerson(credentials) ? userOptional : namesIssuer(credentials, header, [issuer]))

  return Object.freeze<Source<C | Claims>>({
    kind: 'enriched',
    tokenHeaders: ['authorization', ...(header === undefined ? [] : [header])],
    valueHeaders: [],
    issuers: [issuer],
    authorizationIssuer: issuer,
    applies: (credentials) => comesFromGateway(credentials) && namesPerson(credentials),
    missing: (credentials) => (lacksPerson(credentials) ? 'obo_missing' : undefined),
    identify: header === undefined ? identify : identifyBeside(header),
  })
}

function toService({ token, gateway }: VerifiedGateway): Identity {
  return toIdentity({ ...token, claims: token.exposed }, { source: 'enriched', gateway })
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

const personMembers = ['subject', 'issuer', 'organization', 'roles']

function toPlace(options: EnrichedOptions<unknown>): PersonPlace {
  const claim = toList(options.userClaim, 'userClaim')
  const { claimMap = {} } = options
  assertClaimMap(claimMap, personMembers)
  if (claim === undefined && claimMap.subject === undefined) {
    throw new TypeError('claimMap.subject is required without userClaim')
  }
  const defaults: Required<PersonClaimMap> = {
    subject: 'sub',
    issuer: firstOf('iss', 'issuer'),
    organization: firstOf('organization', 'org_id'),
    roles: firstOf('roles', 'groups'),
    // Flat claims stand beside the machine's own: its `iss` is not a claim about the person.
    ...(claim === undefined && { issuer: () => undefined }),
  }
  return { userClaim: claim, claimMap: { ...defaults, ...claimMap } }
}
