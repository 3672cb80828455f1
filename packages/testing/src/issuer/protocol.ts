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

/** The token type of RFC 8693 section 3. */
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'

/** The scopes of OpenID Connect Core section 5.4 that a local issuer knows. */
export const OIDC_SCOPES: readonly string[] = ['openid', 'profile', 'email']
