import type {
  LocalClient,
  LocalIssuerOptions,
  LocalIssuerProfile,
  LocalResource,
  LocalUser,
} from './options.ts'

/** The people, clients and resources of one issuer, by their identifiers. */
export interface Registry {
  readonly profile: LocalIssuerProfile
  readonly users: ReadonlyMap<string, LocalUser>
  readonly clients: ReadonlyMap<string, LocalClient>
  readonly resources: ReadonlyMap<string, LocalResource>
  /** Issuers whose identity assertions are taken. */
  readonly trustedIssuers: readonly string[]
  /** Whether an assertion with this `jti` comes for the first time. */
  useOnce(tokenId: string): boolean
}

/**
 * The audience of tokens that shall have none. oidc-provider insists on one for a JWT access token, as RFC
 * 9068 section 2.2 does; Cognito has one pool-wide kind of access token without.
 */
export const NO_AUDIENCE = 'urn:onbehalf:no-audience'

/** @throws TypeError when an identifier is taken twice or a client refers to an undeclared resource. */
export function createRegistry(options: LocalIssuerOptions): Registry {
  const { profile = 'standard' } = options
  const users = indexBy(options.users, (user) => user.id, 'users')
  const clients = indexBy(options.clients, (client) => client.id, 'clients')
  const declared = indexBy(options.resources, (resource) => resource.uri, 'resources')
  for (const client of clients.values()) assertClient(client, users, declared)
  const used = new Set<string>()
  return {
    profile,
    users,
    clients,
    resources: profile === 'cognito' ? pool(declared) : declared,
    trustedIssuers: options.trustedIssuers ?? [],
    useOnce: (tokenId) => used.size < used.add(tokenId).size,
  }
}

function indexBy<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  option: string,
): Map<string, T> {
  const index = new Map(items.map((item) => [keyOf(item), item]))
  if (index.size !== items.length) throw new TypeError(`"${option}" has an identifier twice`)
  return index
}

function assertClient(
  client: LocalClient,
  users: ReadonlyMap<string, LocalUser>,
  resources: ReadonlyMap<string, LocalResource>,
): void {
  // A user whose `sub` is a client id could not be distinguished from that service.
  if (users.has(client.id)) throw new TypeError('"clients" has an identifier of "users"')
  const { from = [], to = [] } = client.exchange ?? {}
  const unknown = [...(client.resources ?? []), ...from, ...to].some((uri) => !resources.has(uri))
  if (unknown) throw new TypeError('"clients" names a resource that "resources" does not have')
}

function pool(declared: ReadonlyMap<string, LocalResource>): Map<string, LocalResource> {
  const scopes = [...declared.values()].flatMap((resource) => resource.scopes ?? [])
  return new Map([[NO_AUDIENCE, { uri: NO_AUDIENCE, scopes }]])
}

/** URIs of the resources the client may have tokens for, other than by exchange. */
export function resourcesOf(registry: Registry, client: LocalClient): readonly string[] {
  const all = [...registry.resources.keys()]
  if (registry.profile === 'cognito' || client.resources === undefined) return all
  return client.resources
}

/** The scopes of a resource that the client may have. */
export function scopesOf(registry: Registry, client: LocalClient, uri: string): readonly string[] {
  const { scopes = [] } = registry.resources.get(uri) ?? {}
  return scopes.filter((scope) => client.scopes?.includes(scope) ?? true)
}
