/** Cognito's paths, in both profiles: what is hard-wired to them works against a local issuer. */
export const ROUTES = {
  authorization: '/oauth2/authorize',
  token: '/oauth2/token',
  jwks: '/.well-known/jwks.json',
} as const

/** Path under which a user is asked who they are. */
export const INTERACTION_PATH = '/interaction/'

/** Where a browser is sent when the client names no address: nothing has to listen there. */
export const DEFAULT_REDIRECT_URI = 'http://127.0.0.1/callback'

/** The grant type of RFC 8693 section 2.1. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** The grant type of RFC 7523 section 2.1. */
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** Token types of RFC 8693 section 3. */
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'

/** An identity assertion for another authorization server. */
export const ID_JAG_TYPE = 'urn:ietf:params:oauth:token-type:id-jag'

/** Where Entra serves tokens of a directory: the same endpoint, under another name. */
export const ENTRA_TOKEN_PATH: RegExp =
  /^\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/oauth2\/v2\.0\/token$/

/** The scopes of OpenID Connect Core section 5.4 that a local issuer knows. */
export const OIDC_SCOPES: readonly string[] = ['openid', 'profile', 'email']
