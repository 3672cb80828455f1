import { type Authenticator, asIdentityError, type IdentityErrorCode } from '@onbehalf/core'
import { type AuthInfo, createAuthInfo } from '@onbehalf/core/auth-info'
import { isRecord } from '@onbehalf/core/internal'

/** What `requireBearerAuth` of either SDK generation asks for a token. */
export interface TokenVerifier {
  readonly verifyAccessToken: (token: string) => Promise<AuthInfo>
}

type ErrorV1 = new (message: string) => Error

/** The module `@modelcontextprotocol/sdk/server/auth/errors.js` of SDK v1, as far as it is used. */
export interface OAuthErrorsV1 {
  readonly InvalidTokenError: ErrorV1
  readonly InvalidRequestError: ErrorV1
  readonly InsufficientScopeError: ErrorV1
  readonly ServerError: ErrorV1
}

/** `{ OAuthError }` of `@modelcontextprotocol/server`: SDK v2. */
export interface OAuthErrorsV2 {
  readonly OAuthError: new (code: string, message: string) => Error
}

/** The error classes that the bearer middleware of your SDK knows. */
export type OAuthErrors = OAuthErrorsV1 | OAuthErrorsV2

/**
 * An authenticator as the token verifier of the SDKs' own `requireBearerAuth`, and of `withMcpAuth`
 * of `mcp-handler`, for servers that have one. What it returns carries the identity, so that guards
 * decide behind it.
 *
 * Such middleware hands over the bearer token and nothing else. So every source of the authenticator
 * has to read `Authorization` alone, and no token can be bound to a key or certificate. A second
 * `Authorization` line, a token in the query and the request id are not seen. The middleware writes
 * the answers: a key outage is 500 without `Retry-After`. `authenticate` of an adapter has none of
 * these limits.
 *
 * @throws TypeError for an authenticator that needs more than the bearer token or has several
 *   resources, which the path of a request tells apart, and unless `errors`
 *   has the error classes of one SDK generation
 *
 * @example
 * ```ts
 * import { OAuthError, requireBearerAuth } from '@modelcontextprotocol/server'
 *
 * const gate = requireBearerAuth({
 *   verifier: createTokenVerifier(authenticator, { OAuthError }),
 *   requiredScopes: [...authenticator.scopes],
 *   resourceMetadataUrl: authenticator.resourceMetadataUrl,
 * })
 * ```
 */
export function createTokenVerifier(
  authenticator: Authenticator<unknown>,
  errors: OAuthErrors,
): TokenVerifier {
  assertTokenSuffices(authenticator)
  const toError = toMaker(errors)
  return Object.freeze({
    verifyAccessToken: async (token: string) => {
      try {
        const headers = { authorization: `Bearer ${token}` }
        return createAuthInfo(await authenticator.authenticate({ headers }), authenticator)
      } catch (thrown) {
        const { code, message } = asIdentityError(thrown)
        throw toError(oauthCodes[code] ?? 'server_error', message)
      }
    },
  })
}

/** @throws TypeError when the authenticator reads more than a bearer token */
function assertTokenSuffices(authenticator: Authenticator<unknown>): void {
  if (typeof authenticator?.authenticate !== 'function') {
    throw new TypeError('authenticator must be made by createAuthenticator')
  }
  const { credentialHeaders, metadata, resourceOf } = authenticator
  if (resourceOf !== undefined) {
    throw new TypeError('a token verifier gets the bearer token alone, not the path of a request')
  }
  const others = credentialHeaders.filter((name) => name !== 'authorization')
  if (others.length > 0) {
    throw new TypeError(`a token verifier gets the bearer token alone, not ${others.join(', ')}`)
  }
  if (metadata.tls_client_certificate_bound_access_tokens === true) {
    throw new TypeError('a token verifier gets the bearer token alone, not a certificate')
  }
}

type OAuthCode = 'invalid_token' | 'invalid_request' | 'insufficient_scope' | 'server_error'

// The middleware answers 401, 400, 403 and 500 to these.
const oauthCodes: Readonly<Record<IdentityErrorCode, OAuthCode>> = {
  MISSING: 'invalid_token',
  TOK: 'invalid_token',
  BIND: 'invalid_token',
  REQ: 'invalid_request',
  SCOPE: 'insufficient_scope',
  DOWN: 'server_error',
  AUDIT: 'server_error',
  SESS: 'server_error',
  LIMIT: 'server_error',
}

type MakeError = (code: OAuthCode, message: string) => Error

/** @throws TypeError when no error of the SDK can be made */
function toMaker(errors: OAuthErrors): MakeError {
  if (isRecord(errors) && 'InvalidTokenError' in errors) return ofV1(errors as OAuthErrorsV1)
  const { OAuthError } = (errors ?? {}) as Partial<OAuthErrorsV2>
  if (typeof OAuthError === 'function') {
    const made: object = new OAuthError('invalid_token', '')
    // The class of this name in SDK v1 takes a message alone, and its middleware answers 400 to it.
    if ('code' in made && made.code === 'invalid_token') {
      return (code, message) => new OAuthError(code, message)
    }
  }
  throw new TypeError('errors must be { OAuthError } of SDK v2, or the module of errors of SDK v1')
}

function ofV1(errors: OAuthErrorsV1): MakeError {
  const classes: Readonly<Record<OAuthCode, ErrorV1>> = {
    invalid_token: errors.InvalidTokenError,
    invalid_request: errors.InvalidRequestError,
    insufficient_scope: errors.InsufficientScopeError,
    server_error: errors.ServerError,
  }
  const isComplete = Object.values(classes).every((made) => typeof made === 'function')
  if (!isComplete) throw new TypeError('errors must be the whole module of SDK v1')
  return (code, message) => new classes[code](message)
}
