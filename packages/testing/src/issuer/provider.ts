import { randomUUID } from 'node:crypto'
import {
  type AdapterFactory,
  type ClientMetadata,
  type Configuration,
  type JWKS,
  type KoaContextWithOIDC,
  Provider,
} from 'oidc-provider'
import { createAccessTokenShaper, signAsCognito } from './access-token.ts'
import { ID_TOKEN_CLAIMS, userIdClaims } from './claims.ts'
import { registerTokenExchange } from './exchange.ts'
import { registerJwtBearer } from './jwt-bearer.ts'
import type { IssuerKeys } from './keys.ts'
import type { LocalClient, LocalIssuerOptions } from './options.ts'
import {
  DEFAULT_REDIRECT_URI,
  INTERACTION_PATH,
  JWT_BEARER,
  OIDC_SCOPES,
  ROUTES,
  TOKEN_EXCHANGE,
} from './protocol.ts'
import type { Registry } from './registry.ts'
import { createResourceIndicators } from './resources.ts'

/** Where one issuer lives and what it remembers. */
export interface ProviderParts {
  readonly options: LocalIssuerOptions
  readonly registry: Registry
  readonly keys: IssuerKeys
  readonly store: AdapterFactory
}

const DEFAULT_TOKEN_SECONDS = 300
const SIGN_IN_SECONDS = 600

/** An oidc-provider for the registry's people, clients and resources. */
export function createProvider(parts: ProviderParts): Provider {
  const { keys, registry, options } = parts
  const provider = new Provider(keys.minter.issuer, createConfiguration(parts))
  if (registry.profile === 'standard') {
    registerTokenExchange(provider, registry, keys)
    registerJwtBearer(provider, registry, keys)
  }
  if (registry.profile === 'cognito') signAllAsCognito(provider, keys)
  reportErrors(provider, options.onError)
  return provider
}

function createConfiguration({ options, registry, keys, store }: ProviderParts): Configuration {
  const { alg } = keys.minter
  return {
    adapter: store,
    claims: { openid: [...ID_TOKEN_CLAIMS], profile: ['name'], email: ['email'] },
    clientBasedCORS: () => false,
    clientDefaults: { id_token_signed_response_alg: alg },
    clients: [...registry.clients.values()].map((client) => metadataOf(client, registry)),
    cookies: { keys: [randomUUID()] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      resourceIndicators: createResourceIndicators(registry, alg),
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
    findAccount: (_ctx, id) => accountOf(registry, id),
    formats: {
      customizers: { jwt: createAccessTokenShaper(registry, options.preTokenTrigger) },
    },
    interactions: { url: (_ctx, interaction) => `${INTERACTION_PATH}${interaction.uid}` },
    jwks: keys.privateJwks as JWKS,
    pkce: { required: () => true },
    renderError: (ctx, out) => {
      ctx.body = out
    },
    routes: ROUTES,
    scopes: [...OIDC_SCOPES],
    ttl: lifetimes(options.accessTokenSeconds ?? DEFAULT_TOKEN_SECONDS),
  }
}

// Every lifetime is stated: oidc-provider prints a notice when it has to use a default.
function lifetimes(tokenSeconds: number): NonNullable<Configuration['ttl']> {
  return {
    AccessToken: tokenSeconds,
    ClientCredentials: tokenSeconds,
    IdToken: tokenSeconds,
    AuthorizationCode: 60,
    Grant: SIGN_IN_SECONDS,
    Interaction: SIGN_IN_SECONDS,
    Session: SIGN_IN_SECONDS,
  }
}

function metadataOf(client: LocalClient, registry: Registry): ClientMetadata {
  const { id, secret, redirectUris = [DEFAULT_REDIRECT_URI] } = client
  return {
    client_id: id,
    ...(secret !== undefined && { client_secret: secret }),
    application_type: 'native',
    token_endpoint_auth_method: secret === undefined ? 'none' : 'client_secret_basic',
    redirect_uris: [...redirectUris],
    grant_types: [
      'authorization_code',
      ...(secret === undefined ? [] : ['client_credentials']),
      ...exchangeGrants(client, registry),
    ],
  }
}

function exchangeGrants(client: LocalClient, { profile, trustedIssuers }: Registry): string[] {
  if (profile !== 'standard') return []
  const takesAssertions = client.secret !== undefined && trustedIssuers.length > 0
  return [
    ...(client.exchange === undefined ? [] : [TOKEN_EXCHANGE]),
    ...(client.exchange !== undefined || takesAssertions ? [JWT_BEARER] : []),
  ]
}

function accountOf(
  registry: Registry,
  id: string,
): ReturnType<NonNullable<Configuration['findAccount']>> {
  const user = registry.users.get(id)
  if (!user) return undefined
  const claims = { ...userIdClaims(registry.profile, user), sub: id }
  return { accountId: id, claims: () => claims }
}

function signAllAsCognito(provider: Provider, keys: IssuerKeys): void {
  provider.use(async (ctx: KoaContextWithOIDC, next: () => Promise<void>) => {
    await next()
    const answer: unknown = ctx.body
    if (ctx.path !== ROUTES.token || !isTokenResponse(answer)) return
    ctx.body = { ...answer, access_token: await signAsCognito(answer.access_token, keys.minter) }
  })
}

function isTokenResponse(body: unknown): body is { readonly access_token: string } {
  return typeof body === 'object' && body !== null && 'access_token' in body
}

function reportErrors(provider: Provider, onError: LocalIssuerOptions['onError']): void {
  const report = (_ctx: unknown, error: unknown): void => onError?.(error)
  provider.on('server_error', report)
  provider.on('grant.error', report)
  provider.on('authorization.error', report)
}
