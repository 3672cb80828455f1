import type { Context } from '../../context.ts'
import type { Credential } from '../../credentials/credentials.ts'
import { IdentityError, type RefusalDetail } from '../../errors.ts'
import type { Claims } from '../../identity.ts'
import { basicAuthorization } from '../../internal/basic-authorization.ts'
import { assertOptions, type OneOrMore, type OptionNames } from '../../internal/options.ts'
import { safeUrl, toHttpHosts } from '../../internal/safe-url.ts'
import { asText, isEmpty } from '../../internal/values.ts'
import { toTimeoutSeconds } from '../../keys/fetch-json.ts'
import type { RefusalReason } from '../../reasons.ts'
import { memberOf } from '../../token/json-object.ts'
import { assertTokenLength } from '../../token/parse-token.ts'
import { acceptClaims, checkClaims } from '../accept-claims.ts'
import { toServers } from '../authorization-servers.ts'
import { type ClaimOptions, longestLife, toClaimRules } from '../claim-options.ts'
import type { Issuer } from '../issuer.ts'
import type { ClaimRules } from '../issuer-rules.ts'
import type { VerifiedToken } from '../verified-token.ts'
import { type IntrospectionRequest, introspect } from './introspect.ts'
import { createVerdictCache, type VerdictCacheOptions } from './verdict-cache.ts'

export interface IntrospectionOptions<C = Claims> extends ClaimOptions<C> {
  /** Name of the authorization server; an `iss` in its answers must equal it. */
  readonly iss: string
  /** Where clients get tokens, published in the metadata. Default: `iss`, if it is a URL. */
  readonly authorizationServers?: OneOrMore<string>
  /** Introspection endpoint (RFC 7662 section 2). */
  readonly endpoint: string
  /** How this server authenticates there (HTTP Basic, RFC 6749 section 2.3.1). */
  readonly clientId: string
  readonly clientSecret: string
  /**
   * Seconds for which a good answer is used again, and never beyond the token's expiry: for as long
   * a withdrawn token may still be accepted. `0` asks every time. Default 30.
   */
  readonly cacheSeconds?: number
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch
  /** Seconds for one exchange with the endpoint: above 0, 30 at most. Default 4. */
  readonly timeoutSeconds?: number
  /**
   * For development: hosts of a container network that are asked over `http`, as for an
   * {@link issuer}. Anyone on that network sees the tokens and the secret.
   */
  readonly insecureHttpHosts?: OneOrMore<string>
  /** Monotonic clock in seconds, for the age of answers. Default: `performance.now()`. */
  readonly monotonic?: () => number
}

const knownOptions: OptionNames<IntrospectionOptions> = {
  audience: true,
  kind: true,
  authorizationServers: true,
  acceptIdTokens: true,
  acceptNonce: true,
  acceptTokensForOtherServers: true,
  clients: true,
  scopes: true,
  requiredClaims: true,
  maxLifetimeSeconds: true,
  acceptMissingIat: true,
  vouchesForEmail: true,
  clockSkewSeconds: true,
  claimMap: true,
  schema: true,
  iss: true,
  endpoint: true,
  clientId: true,
  clientSecret: true,
  cacheSeconds: true,
  fetch: true,
  insecureHttpHosts: true,
  timeoutSeconds: true,
  monotonic: true,
}

/**
 * An issuer of opaque tokens, which it alone can read: each is introspected (RFC 7662). Audience,
 * client, times, scopes and claims are held to the same rules as those of a signed token.
 *
 * A source with such an issuer takes every token that does not look like a JWT, so configure one at
 * most for each header. A malformed JWT is refused and never introspected.
 *
 * Does NOT bound how many tokens are introspected, only how many at the same time (64).
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function introspected<C = Claims>(options: IntrospectionOptions<C>): Issuer<C> {
  const name = asText(options.iss)
  if (name === undefined) throw new TypeError('iss is required')
  const rules = toClaimRules(options)
  const request = toRequest(options)
  assertOptions('introspected', options, knownOptions)
  const cached = createVerdictCache(toCacheOptions(options))

  async function verify(credential: Credential, context: Context): Promise<VerifiedToken<C>> {
    assertTokenLength(credential.text)
    const claims = await cached(await credential.hash(), () => introspect(credential.text, request))
    if (claims === undefined) throw refused('inactive')
    if (!isEmpty(claims['iss']) && claims['iss'] !== name) {
      throw refused('issuer', { claim: 'iss', expected: [name as string] })
    }
    checkTokenType(claims, rules)
    const expiresAt = checkClaims(claims, rules, context)
    return acceptClaims({ claims, issuer: name as string, expiresAt, credential }, rules, context)
  }

  return Object.freeze<Issuer<C>>({
    issuers: [name],
    audiences: rules.audiences,
    clients: rules.clients,
    scopes: rules.scopes,
    maxLifetimeSeconds: longestLife(rules),
    authorizationServers: toServers(options, [name]),
    insecureHttpHosts: toHttpHosts(options.insecureHttpHosts),
    opaque: true,
    recognizes: ({ token }) => token === undefined,
    verify,
    // Nothing is kept ahead of a token: there is nothing to load.
    ready: async () => {},
  })
}

function toRequest(options: IntrospectionOptions<unknown>): IntrospectionRequest {
  const { clientId, clientSecret, fetch: post = fetch } = options
  if (!clientId || !clientSecret) throw new TypeError('clientId and clientSecret are required')
  return {
    endpoint: safeUrl(options.endpoint, 'endpoint', toHttpHosts(options.insecureHttpHosts)),
    authorization: basicAuthorization(clientId, clientSecret),
    fetch: post,
    timeoutSeconds: toTimeoutSeconds(options.timeoutSeconds),
  }
}

function toCacheOptions(options: IntrospectionOptions<unknown>): VerdictCacheOptions {
  const { cacheSeconds: seconds = 30, monotonic = () => performance.now() / 1000 } = options
  if (Number.isFinite(seconds) && seconds >= 0 && seconds <= 3600) return { seconds, monotonic }
  throw new TypeError('cacheSeconds must be from 0 to 3600')
}

/**
 * `token_type` is that of RFC 6749 section 5.1. Endpoints answer for refresh tokens as well, some
 * of them without a type: where no audience distinguishes the two, an access token has to say so.
 */
function checkTokenType(claims: Claims, rules: ClaimRules<unknown>): void {
  const type = memberOf(claims, 'token_type')
  if (type === undefined && rules.audiences !== undefined) return
  const name = typeof type === 'string' ? type.toLowerCase() : ''
  if (name !== 'bearer' && name !== 'dpop') {
    throw refused('token_type', { claim: 'token_type', expected: ['Bearer', 'DPoP'] })
  }
  // An endpoint that calls it bound and does not say to what cannot be confirmed.
  if (name === 'dpop' && isEmpty(claims['cnf'])) {
    throw refused('sender_constrained', { claim: 'cnf' })
  }
}

function refused(reason: RefusalReason, failure: RefusalDetail = {}): IdentityError {
  return new IdentityError('TOK', { reason, failure })
}
