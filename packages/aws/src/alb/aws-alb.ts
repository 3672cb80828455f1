import {
  type ClaimReader,
  type Claims,
  createIdentity,
  type Identity,
  IdentityError,
  type Issuer,
  type RefusalDetail,
  type RefusalReason,
  type Source,
} from '@onbehalf/core'
import {
  asNames,
  asOrganizations,
  asText,
  type Context,
  dropper,
  exposeClaims,
  isEmpty,
  isWorkload,
  readClaim,
  withFailure,
} from '@onbehalf/core/internal'
import { albKeys } from './alb-keys.ts'
import { type AlbSettings, type AwsAlbOptions, toAlbSettings } from './options.ts'
import { type AlbAssertion, parseAssertion } from './parse-assertion.ts'

const HEADER = 'x-amzn-oidc-data'
const maxLifetimeSeconds = 86_400

/**
 * An Application Load Balancer in front of this server signs users in, and says who they are in
 * `x-amzn-oidc-data`. Its signature, its own ARN, the client, the issuer and the expiry are checked;
 * `x-amzn-oidc-identity` and `x-amzn-oidc-accesstoken` are not read.
 *
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function awsAlb(options: AwsAlbOptions): Source {
  const settings = toAlbSettings(options)
  const keys = albKeys(settings)

  async function identify(value: string, context: Context): Promise<Identity> {
    const assertion = parseAssertion(value)
    // Before any key is asked for: an assertion that is wrong anyway causes no fetch.
    const expiresAt = checkHeader(assertion, settings, context.now)
    await keys.verify(assertion, (event) => context.report({ ...event, issuer: settings.iss }))
    const identity = toIdentity(assertion, settings, expiresAt, context)
    // `iat` of a profile is not the time of a sign-in: nothing in it outlives a revocation.
    const { iat: _profile, ...claims } = assertion.claims
    await context.checkRevoked({ issuer: settings.iss, subject: identity.subject, claims })
    return identity
  }

  return Object.freeze<Source>({
    kind: 'signedHeader',
    tokenHeaders: [],
    valueHeaders: [HEADER],
    issuers: [asIssuer(settings)],
    authorizationIssuer: undefined,
    applies: (credentials) => credentials.value(HEADER) !== undefined,
    identify: (credentials, context) =>
      identify(credentials.value(HEADER) ?? '', context).catch((thrown: unknown) => {
        throw withFailure(thrown, { header: HEADER, issuer: settings.iss })
      }),
  })
}

/** For how long revocations are kept. No token is of this issuer: assertions are not tokens. */
function asIssuer({ iss, clients, sessionTimeoutSeconds }: AlbSettings): Issuer {
  return Object.freeze<Issuer>({
    issuers: [iss],
    audiences: undefined,
    clients,
    scopes: [],
    maxLifetimeSeconds: sessionTimeoutSeconds,
    opaque: false,
    recognizes: () => false,
    verify: () => Promise.reject(refused('issuer')),
    // Which key to load is not known before an assertion names it.
    ready: () => Promise.resolve(),
  })
}

function checkHeader({ header, claims }: AlbAssertion, settings: AlbSettings, now: number): number {
  const { signer, client, iss } = header
  const { signers, clients } = settings
  if (!signers.includes(signer as string)) throw refused('signer', { expected: signers })
  if (!clients.includes(client as string)) throw refused('client', { expected: clients })
  const claimed = isEmpty(claims['iss']) ? iss : claims['iss']
  if (iss !== settings.iss || claimed !== settings.iss) {
    throw refused('issuer', { claim: 'iss', expected: [settings.iss] })
  }
  // The assertion's own expiry; one of the identity provider's may be among the claims.
  const limit = isEmpty(claims['exp']) ? header['exp'] : claims['exp']
  const times = [header['exp'], limit]
  if (!times.every((time) => typeof time === 'number' && Number.isFinite(time))) {
    throw refused('exp_missing', { claim: 'exp' })
  }
  const expiresAt = Math.min(...(times as number[]))
  const skew = settings.clockSkewSeconds
  // Asked for what must hold: a clock that shows no time (NaN) compares false and refuses.
  if (!(now < expiresAt + skew)) throw refused('expired', { claim: 'exp' })
  if (!(expiresAt <= now + maxLifetimeSeconds + skew)) {
    throw refused('lifetime', { claim: 'exp', expected: [maxLifetimeSeconds] })
  }
  return expiresAt
}

function toIdentity(
  assertion: AlbAssertion,
  settings: AlbSettings,
  expiresAt: number,
  context: Context,
): Identity {
  const client = assertion.header['client'] as string
  // Readers see what handlers see.
  const claims = exposeClaims(assertion.claims, settings, context)
  const subject = asText(claims['sub'])
  if (subject === undefined) throw refused('subject', { claim: 'sub' })
  const orDropped = dropper(context)
  const roles = orDropped('roles', read(claims, settings.roles), asNames)
  const organizations = orDropped('organization', read(claims, settings.organization), (claim) =>
    asOrganizations(claim, roles),
  )
  return createIdentity<Claims>({
    // A load balancer signs users in; the client's own id never names one, whatever the claims say.
    kind: subject === client || isWorkload(subject) ? 'service' : 'user',
    issuer: context.issuerName(settings.iss),
    subject,
    organizations,
    client,
    scopes: [],
    roles,
    source: 'signedHeader',
    expiresAt,
    claims,
    organization: organizations.length === 1 ? organizations[0] : undefined,
  })
}

function read(claims: Claims, reader: ClaimReader | undefined): unknown {
  return reader === undefined ? undefined : readClaim(claims, reader)
}

function refused(reason: RefusalReason, failure: RefusalDetail = {}): IdentityError {
  return new IdentityError('TOK', { reason, failure })
}
