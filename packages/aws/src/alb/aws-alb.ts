import { type KeyObject, verify } from 'node:crypto'
import {
  type Claims,
  createIdentity,
  type Identity,
  IdentityError,
  type Source,
} from '@onbehalf/core'
import { type AlbKeys, albKeys } from './alb-keys.ts'
import { type AlbAssertion, parseAssertion } from './parse-assertion.ts'

/** Options of {@link awsAlb}. */
export interface AwsAlbOptions {
  /** Region of the load balancer, for example `eu-west-1`. */
  readonly region: string
  /** ARNs of your load balancers: the keys are those of everybody's in the region. */
  readonly signers: readonly string[]
  /** Client ids that the listener rules sign persons in with. */
  readonly clients: readonly string[]
  /** Exact `iss` of the identity provider that the listener rules name. */
  readonly iss: string
  /** Where the organization's id stands. Default: nowhere. */
  readonly organization?: (claims: Claims) => string | undefined
  /** Where the roles stand. Default: none. */
  readonly roles?: (claims: Claims) => readonly string[]
  /** Tolerated difference between clocks, 0 to 60 seconds. Default 30. */
  readonly clockSkewSeconds?: number
  /**
   * Address that a key's id is added to, with a slash at its end: for regions that have another.
   * Default `https://public-keys.auth.elb.{region}.amazonaws.com/`.
   */
  readonly keysUrl?: string
  /** Seconds for one key, above 0 and at most 30. Default 4. */
  readonly timeoutSeconds?: number
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch
}

const HEADER = 'x-amzn-oidc-data'
const maxLifetimeSeconds = 86_400

/**
 * An Application Load Balancer in front of this server signs persons in, and says who they are in
 * `x-amzn-oidc-data`. Its signature, its own ARN, the client, the issuer and the expiry are checked;
 * `x-amzn-oidc-identity` and `x-amzn-oidc-accesstoken` are not read.
 *
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function awsAlb(options: AwsAlbOptions): Source {
  assertOptions(options)
  const keys = albKeys({
    base: toKeysUrl(options),
    timeoutSeconds: options.timeoutSeconds ?? 4,
    fetch: options.fetch ?? fetch,
  })
  return Object.freeze<Source>({
    kind: 'signedHeader',
    tokenHeaders: [],
    valueHeaders: [HEADER],
    issuers: [],
    authorizationIssuer: undefined,
    applies: (credentials) => credentials.value(HEADER) !== undefined,
    async identify(credentials, context) {
      const assertion = parseAssertion(credentials.value(HEADER) ?? '')
      // Before any key is asked for: an assertion that is wrong anyway causes no fetch.
      const expiresAt = checkHeader(assertion, options, context.now)
      await checkSignature(assertion, keys)
      const identity = toIdentity(assertion, options, expiresAt)
      await context.checkRevoked(identity)
      return identity
    },
  })
}

function checkHeader(
  { header, claims }: AlbAssertion,
  options: AwsAlbOptions,
  now: number,
): number {
  const { alg, signer, client, iss } = header
  if (alg !== 'ES256') throw refused('algorithm')
  if (!options.signers.includes(signer as string)) throw refused('signer')
  if (!options.clients.includes(client as string)) throw refused('client')
  const { iss: claimed = iss } = claims
  if (iss !== options.iss || claimed !== options.iss) throw refused('issuer')
  // The header's own expiry; one of the identity provider's stands among the claims.
  const { exp: limit = header['exp'] } = claims
  const times = [header['exp'], limit]
  if (!times.every((time) => typeof time === 'number' && Number.isFinite(time))) {
    throw refused('exp_missing')
  }
  const expiresAt = Math.min(...(times as number[]))
  const skew = options.clockSkewSeconds ?? 30
  // Asked for what must hold: a clock that shows no time (NaN) compares false and refuses.
  if (!(now < expiresAt + skew)) throw refused('expired')
  if (!(expiresAt <= now + maxLifetimeSeconds + skew)) throw refused('lifetime')
  return expiresAt
}

async function checkSignature(assertion: AlbAssertion, keys: AlbKeys): Promise<void> {
  const { kid } = assertion.header
  if (typeof kid !== 'string') throw refused('key_id')
  const key: KeyObject = await keys(kid)
  const format = { key, dsaEncoding: 'ieee-p1363' } as const
  if (!verify('sha256', assertion.signed, format, assertion.signature)) throw refused('signature')
}

function toIdentity(assertion: AlbAssertion, options: AwsAlbOptions, expiresAt: number): Identity {
  const { header } = assertion
  const claims = exposed(assertion.claims)
  const { sub } = claims
  if (typeof sub !== 'string' || sub === '') throw refused('subject')
  const roles = options.roles?.(claims) ?? []
  const id = options.organization?.(claims)
  const organization = typeof id === 'string' && id !== '' ? { id, roles } : undefined
  return createIdentity<Claims>({
    kind: sub === header['client'] ? 'service' : 'user',
    issuer: options.iss,
    subject: sub,
    organizations: organization ? [organization] : [],
    client: header['client'] as string,
    scopes: [],
    roles,
    source: 'signedHeader',
    expiresAt,
    claims,
    organization,
  })
}

/** An e-mail address only when its issuer verified it. */
function exposed(claims: Claims): Claims {
  if (claims['email_verified'] === true) return claims
  const copy = Object.assign(Object.create(null) as Record<string, unknown>, claims)
  delete copy['email']
  return copy
}

function assertOptions(options: AwsAlbOptions): void {
  const { signers, clients, iss: issuer, clockSkewSeconds = 30, timeoutSeconds = 4 } = options
  if (!isNames(signers)) throw new TypeError('signers must name at least one load balancer')
  if (!isNames(clients)) throw new TypeError('clients must name at least one')
  if (typeof issuer !== 'string' || issuer === '') throw new TypeError('iss is required')
  if (!(clockSkewSeconds >= 0 && clockSkewSeconds <= 60)) {
    throw new TypeError('clockSkewSeconds must be between 0 and 60')
  }
  if (!(timeoutSeconds > 0 && timeoutSeconds <= 30)) {
    throw new TypeError('timeoutSeconds must be above 0 and at most 30')
  }
}

function isNames(names: unknown): boolean {
  if (!Array.isArray(names) || names.length === 0) return false
  return names.every((name) => typeof name === 'string' && name !== '')
}

function toKeysUrl({ region, keysUrl }: AwsAlbOptions): URL {
  if (typeof region !== 'string' || !/^[a-z]{2}(?:-[a-z]+)+-\d$/.test(region)) {
    throw new TypeError('region is malformed')
  }
  const text = keysUrl ?? `https://public-keys.auth.elb.${region}.amazonaws.com/`
  const url = URL.canParse(text) ? new URL(text) : undefined
  const local = url?.protocol === 'http:' && url.hostname === '127.0.0.1'
  if (url === undefined || !(url.protocol === 'https:' || local) || !url.pathname.endsWith('/')) {
    throw new TypeError('keysUrl must be an https URL with a slash at its end')
  }
  return url
}

function refused(reason: string): IdentityError {
  return new IdentityError('TOK', { reason })
}
