import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { IdentityError } from '../errors.ts'
import { type Claims, createIdentity, type Identity } from '../identity.ts'
import { assertOptions, headerName } from '../internal/options.ts'
import { asText } from '../internal/values.ts'
import { isWorkload } from '../issuer/kind.ts'
import { withinTenants } from './gateway-token.ts'
import { type ListFormat, listFormats, readName, readNames } from './plain-values.ts'
import type { GatewayProof, Proven } from './proof.ts'
import type { Source } from './source.ts'

/** Headers in which the gateway names the caller. It must set every one of them on every call. */
export interface PlainHeaderNames {
  readonly subject: string
  readonly organization?: string
  readonly roles?: string
}

export interface PlainHeadersOptions {
  readonly headers: PlainHeaderNames
  /**
   * How the gateway lists roles: as a JSON array, or separated by exactly one character. Default
   * `'comma'`.
   */
  readonly rolesFormat?: ListFormat
  /** Names the party under which subjects are unique: your gateway or its identity provider. */
  readonly iss: string
  /** How the caller proves that it is the gateway: there is no way without. */
  readonly proof: GatewayProof
}

const noClaims: Claims = Object.freeze(Object.create(null) as Claims)
// A proof that does not expire holds for the request; this is the time it may take.
const requestSeconds = 300

/**
 * Plain headers name the caller. Anyone could type them, so they count only together with proof
 * that the caller is the gateway: its machine token, a shared secret, or a client certificate.
 *
 * All configured headers have to be present: one that the gateway left out could come from its
 * client. An empty organization or role header means "none"; an empty subject is refused. Values are
 * taken exactly as they are, as UTF-8: one that could be read in two ways is refused.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function plainHeaders(options: PlainHeadersOptions): Source {
  const { proof, iss: issuer, rolesFormat = 'comma' } = options
  if (typeof proof?.prove !== 'function') throw new TypeError('proof is required')
  if (asText(issuer) === undefined) throw new TypeError('iss is required')
  if (!listFormats.includes(rolesFormat)) {
    throw new TypeError(`rolesFormat must be one of ${listFormats.join(', ')}`)
  }
  const names = toNames(options.headers)
  const headers: readonly string[] = Object.values(names)
  assertDistinct(headers, proof)

  assertOptions('plainHeaders', options, {
    headers: true,
    rolesFormat: true,
    iss: true,
    proof: true,
  })

  const isComplete = (credentials: Credentials): boolean =>
    headers.every((name) => credentials.present.has(name))

  async function identify(credentials: Credentials, context: Context): Promise<Identity> {
    const proven = await proof.prove(credentials, context)
    if (typeof proven !== 'object' || proven === null) throw new TypeError('Nothing was proven')
    const reading = { names, rolesFormat, issuer: context.issuerName(issuer), now: context.now }
    const identity = toPlainIdentity(credentials, reading, proven)
    await context.checkRevoked(identity)
    return identity
  }

  return Object.freeze<Source>({
    kind: 'plainHeaders',
    tokenHeaders: proof.tokenHeaders,
    valueHeaders: [...headers, ...proof.valueHeaders],
    issuers: proof.authorizationIssuer === undefined ? [] : [proof.authorizationIssuer],
    authorizationIssuer: proof.authorizationIssuer,
    applies: (credentials: Credentials) => isComplete(credentials) && proof.applies(credentials),
    missing: (credentials: Credentials) =>
      proof.applies(credentials) ? 'headers_incomplete' : undefined,
    identify,
  })
}

interface Names {
  readonly subject: string
  readonly organization?: string
  readonly roles?: string
}

function toNames(headers: PlainHeaderNames): Names {
  if (typeof headers !== 'object' || headers === null) throw new TypeError('headers is required')
  const { subject, organization, roles, ...rest } = headers
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw new TypeError(`headers.${unknown} is unknown`)
  const unset = Object.entries(headers).find(([, name]) => name === undefined)
  if (unset !== undefined) throw new TypeError(`headers.${unset[0]} must not be undefined`)
  return {
    subject: headerName(subject, 'headers.subject'),
    ...(organization !== undefined && {
      organization: headerName(organization, 'headers.organization'),
    }),
    ...(roles !== undefined && { roles: headerName(roles, 'headers.roles') }),
  }
}

/** One header cannot say two things, and what proves is never shown as a fact about the caller. */
function assertDistinct(headers: readonly string[], proof: GatewayProof): void {
  if (new Set(headers).size < headers.length) throw new TypeError('headers must be different ones')
  if (headers.includes('authorization')) throw new TypeError('headers must not name Authorization')
  if (headers.some((name) => proof.valueHeaders.includes(name))) {
    throw new TypeError('headers must not name the header of the proof')
  }
}

interface Reading {
  readonly names: Names
  readonly rolesFormat: ListFormat
  readonly issuer: string
  readonly now: number
}

function toPlainIdentity(
  credentials: Credentials,
  { names, rolesFormat, issuer, now }: Reading,
  { gateway, tenancy, expiresAt = now + requestSeconds }: Proven,
): Identity {
  const read = (name: string | undefined): string =>
    name === undefined ? '' : (credentials.value(name) ?? '')
  const subject = readName(read(names.subject))
  if (subject === undefined) throw new IdentityError('TOK', { reason: 'headers_value' })
  const organizationId = readName(read(names.organization))
  const roles = readNames(read(names.roles), rolesFormat)
  const organization = organizationId === undefined ? undefined : { id: organizationId, roles }
  const named = { organization, organizations: organization ? [organization] : [] }
  return createIdentity<Claims>({
    kind: subject === gateway?.client || isWorkload(subject) ? 'service' : 'user',
    issuer,
    subject,
    scopes: [],
    roles,
    source: 'plainHeaders',
    expiresAt,
    claims: noClaims,
    ...(tenancy === undefined ? named : withinTenants(named, tenancy)),
    gateway,
    client: gateway?.client,
  })
}
