import { type IssuedTokens, requestTokens } from '../oauth/token-request.ts'
import type { LocalClient } from './options.ts'
import { ACCESS_TOKEN_TYPE, OIDC_SCOPES, ROUTES, TOKEN_EXCHANGE } from './protocol.ts'
import { type Registry, resourcesOf, scopesOf } from './registry.ts'
import { signInWithBrowser } from './sign-in.ts'

/** Options of `LocalIssuer.signIn`. */
export interface SignInOptions {
  /** Id of the user. */
  readonly user: string
  /** Id of the client. Default the first one. */
  readonly client?: string
  /** URI of the resource. Default the only one the client may have tokens for. */
  readonly resource?: string
  /** Scopes, space separated. Default `openid profile email` and all the client may have. */
  readonly scope?: string
}

/** Options of `LocalIssuer.clientCredentials`. */
export interface ClientCredentialsOptions {
  /** Id of the client. */
  readonly client: string
  /** URI of the resource. Default the only one the client may have tokens for. */
  readonly resource?: string
  /** Scopes, space separated. Default all the client may have. */
  readonly scope?: string
  /** Sent as `aws_client_metadata`, as Cognito takes it; a pre token trigger sees it. */
  readonly clientMetadata?: Readonly<Record<string, string>>
}

/** Options of `LocalIssuer.exchange`. */
export interface ExchangeOptions {
  /** Id of the client, which becomes the actor. */
  readonly client: string
  /** The user's access token. */
  readonly subjectToken: string
  /** URI of the resource that the new token is for. */
  readonly resource: string
  /** Scopes, space separated. Default all the client may have. */
  readonly scope?: string
  /** The client's own machine token. Default none: the client's authentication names the actor. */
  readonly actorToken?: string
}

/** What clients do at an issuer. Every method makes the requests of a real client, over HTTP. */
export interface IssuerRequests {
  /** Exact `iss` of the tokens: `http://127.0.0.1:<port>`. */
  readonly issuer: string
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly jwksUri: string
  /**
   * Signs a user in by authorization code with PKCE.
   * @throws OAuthError when the issuer refuses; TypeError for an unknown user or client.
   */
  signIn(options: SignInOptions): Promise<IssuedTokens>
  /**
   * A machine token (RFC 6749 section 4.4).
   * @throws OAuthError when the issuer refuses; TypeError for an unknown client.
   */
  clientCredentials(options: ClientCredentialsOptions): Promise<IssuedTokens>
  /**
   * Token exchange (RFC 8693); the client becomes the outermost `act`.
   * @throws OAuthError when the issuer refuses; TypeError for an unknown client.
   */
  exchange(options: ExchangeOptions): Promise<IssuedTokens>
}

interface Endpoints {
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
}

/** The clients of the issuer at `issuer`. */
export function createIssuerRequests(issuer: string, registry: Registry): IssuerRequests {
  const endpoints = {
    authorizationEndpoint: `${issuer}${ROUTES.authorization}`,
    tokenEndpoint: `${issuer}${ROUTES.token}`,
  }
  return {
    issuer,
    ...endpoints,
    jwksUri: `${issuer}${ROUTES.jwks}`,
    signIn: async (options) => signIn(endpoints, registry, options),
    clientCredentials: async (options) => clientCredentials(endpoints, registry, options),
    exchange: async (options) => exchange(endpoints, registry, options),
  }
}

function signIn(
  endpoints: Endpoints,
  registry: Registry,
  options: SignInOptions,
): Promise<IssuedTokens> {
  const { user, resource } = options
  if (!registry.users.has(user)) throw new TypeError('"user" is not declared')
  const client = clientById(registry, options.client ?? firstClientOf(registry))
  const all = [...OIDC_SCOPES, ...defaultScopes(registry, client, resource)].join(' ')
  const { scope = all } = options
  return signInWithBrowser({ ...endpoints, client, user, resource, scope })
}

function clientCredentials(
  { tokenEndpoint }: Endpoints,
  registry: Registry,
  options: ClientCredentialsOptions,
): Promise<IssuedTokens> {
  const { resource, clientMetadata } = options
  const client = clientById(registry, options.client)
  const all = defaultScopes(registry, client, resource).join(' ')
  return requestTokens(tokenEndpoint, client, {
    grant_type: 'client_credentials',
    resource,
    scope: options.scope ?? (all || undefined),
    aws_client_metadata: clientMetadata && JSON.stringify(clientMetadata),
  })
}

function exchange(
  { tokenEndpoint }: Endpoints,
  registry: Registry,
  options: ExchangeOptions,
): Promise<IssuedTokens> {
  const { subjectToken, actorToken, resource, scope } = options
  return requestTokens(tokenEndpoint, clientById(registry, options.client), {
    grant_type: TOKEN_EXCHANGE,
    subject_token: subjectToken,
    subject_token_type: ACCESS_TOKEN_TYPE,
    actor_token: actorToken,
    actor_token_type: actorToken && ACCESS_TOKEN_TYPE,
    resource,
    scope,
  })
}

function clientById(registry: Registry, id: string): LocalClient {
  const client = registry.clients.get(id)
  if (!client) throw new TypeError('"client" is not declared')
  return client
}

function firstClientOf(registry: Registry): string {
  const [id = ''] = registry.clients.keys()
  return id
}

// Which scopes exist depends on the resource: where it is open, the issuer is asked for none.
function defaultScopes(
  registry: Registry,
  client: LocalClient,
  resource: string | undefined,
): readonly string[] {
  const [only, ...others] = resourcesOf(registry, client)
  const uri = resource ?? (others.length === 0 ? only : undefined)
  return uri === undefined ? [] : scopesOf(registry, client, uri)
}
