import { type Client, errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider'
import type { LocalClient } from './options.ts'
import { OIDC_SCOPES } from './protocol.ts'
import { type Registry, resourcesOf, scopesOf } from './registry.ts'

/** oidc-provider's `features.resourceIndicators` (RFC 8707) over the registry. */
export interface ResourceIndicators {
  readonly enabled: true
  /** @throws OAuth `invalid_target` when the client may have tokens for several resources and names none. */
  defaultResource(ctx: unknown, client: Client | undefined, oneOf?: readonly string[]): string
  /** @throws OAuth `invalid_target` or `invalid_scope` for what the client may not have. */
  getResourceServerInfo(ctx: KoaContextWithOIDC, uri: string, client: Client): ResourceServer
}

/** Tokens for declared resources only, and never for one that had to be guessed. */
export function createResourceIndicators(
  registry: Registry,
  alg: 'RS256' | 'ES256',
): ResourceIndicators {
  return {
    enabled: true,
    defaultResource: (_ctx, client, oneOf) =>
      onlyOne(oneOf ?? resourcesOf(registry, clientOf(registry, client))),
    getResourceServerInfo: (ctx, uri, client) => {
      const { params } = ctx.oidc
      const localClient = clientOf(registry, client)
      if (!resourcesOf(registry, localClient).includes(uri)) throw new errors.InvalidTarget()
      const scopes = scopesOf(registry, localClient, uri)
      // RFC 6749 section 3.3: without the parameter a default applies, here all that the client may have.
      if (ctx.oidc.route === 'authorization' && params && !params['scope'] && scopes.length > 0) {
        params['scope'] = scopes.join(' ')
      }
      assertScopes(params?.['scope'], [...scopes, ...OIDC_SCOPES])
      return resourceServer(uri, scopes, alg)
    },
  }
}

/** What oidc-provider has to know to issue JWT access tokens (RFC 9068) for a resource. */
export function resourceServer(
  uri: string,
  scopes: readonly string[],
  alg: 'RS256' | 'ES256',
): ResourceServer {
  return {
    audience: uri,
    scope: scopes.join(' '),
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg } },
  }
}

/** @throws OAuth `invalid_target` for a client that the issuer does not know. */
export function clientOf(registry: Registry, client: Client | undefined): LocalClient {
  const localClient = registry.clients.get(client?.clientId ?? '')
  if (!localClient) throw new errors.InvalidTarget()
  return localClient
}

/** @throws OAuth `invalid_scope` when the parameter names a scope that is not allowed. */
export function assertScopes(parameter: unknown, allowed: readonly string[]): void {
  const requested = typeof parameter === 'string' ? parameter.split(' ') : []
  if (requested.some((scope) => !allowed.includes(scope))) {
    throw new errors.CustomOIDCProviderError('invalid_scope', 'requested scope is not allowed')
  }
}

function onlyOne(uris: readonly string[]): string {
  const [uri, ...others] = uris
  if (uri === undefined || others.length > 0) throw new errors.InvalidTarget()
  return uri
}
