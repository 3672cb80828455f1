import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { safeUrl, toHttpHosts } from '../internal/safe-url.ts'
import { asText, isEmpty, isRecord } from '../internal/values.ts'
import { createFamily, type FamilyLimits } from '../issuer/family/family.ts'
import { type TenantList, toFind, toMonotonic, toTenantServers } from '../issuer/family/options.ts'
import type { Issuer, SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, matching, ofShape, type PresetOptions } from './preset.ts'

interface KeycloakShared<C> extends PresetOptions<C> {
  /** Base URL of the server as its tokens name it, for example `https://id.example.com`. */
  readonly url: string
  /** Put there by an audience mapper; the default `account` is not your audience. */
  readonly audience: OneOrMore<string>
}

export interface KeycloakOptions<C = Claims> extends KeycloakShared<C> {
  readonly realm: string
}

/** A realm for each tenant, with a list of those that may call. */
export interface KeycloakRealmsOptions<C = Claims>
  extends Omit<KeycloakShared<C>, 'iss'>,
    FamilyLimits {
  /**
   * Realms that may call, or a function that says of one whether it may. It is asked with the realm of a
   * token that nobody has verified yet.
   */
  readonly realms: TenantList
}

/**
 * Access tokens of a Keycloak realm (26 or newer), or with `realms` of all that are on a list. Organizations come from the `organization` claim
 * in each of its shapes, the alias being the id unless the mapper adds one, or from
 * `active_organization`. An alias that looks like an id is refused, and attributes are not read. Roles are the realm's; name `['resource_access', client, 'roles']` in
 * `claimMap.roles` for a client's.
 *
 * Tokens without `preferred_username` (scope `profile`) are refused: they do not tell a user from a
 * service account. Say in `kind` what yours are, where they lack it.
 *
 * https://www.keycloak.org/docs/latest/server_admin/ (organizations)
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function keycloak<C = Claims>(options: KeycloakOptions<C>): SigningIssuer<C>
export function keycloak<C = Claims>(options: KeycloakRealmsOptions<C>): Issuer<C>
export function keycloak<C = Claims>(
  options: KeycloakOptions<C> | KeycloakRealmsOptions<C>,
): Issuer<C> {
  return 'realms' in options ? ofRealms(options) : ofRealm(options)
}

const realmShape = /^(?!\.{1,2}$)[A-Za-z0-9._~-]+$/
const expectedRealm = "the realm's name as it is in its URLs, for example 'agents'"

function ofRealms<C>(options: KeycloakRealmsOptions<C>): Issuer<C> {
  assertPresetOptions('keycloak', options, {
    url: 'required',
    iss: 'never',
    realms: 'required',
    listSeconds: 'optional',
    maxIssuers: 'optional',
  })
  const { realms, listSeconds, maxIssuers, authorizationServers, ...common } = options
  const start = `${toBase(options)}/realms/`
  const create = (realm: string): SigningIssuer<C> => ofRealm({ ...common, realm })
  return createFamily<true, C>({
    create,
    find: toFind(realms, 'realms', realmShape, expectedRealm),
    sample: create('nobody'),
    memberOf: (iss) => {
      const realm = iss.startsWith(start) ? iss.slice(start.length) : ''
      return realmShape.test(realm) ? realm : undefined
    },
    firstNameOf: (realm) => start + realm,
    ...(listSeconds !== undefined && { listSeconds }),
    ...(maxIssuers !== undefined && { maxIssuers }),
    authorizationServers: toTenantServers(authorizationServers, options),
    monotonic: toMonotonic(options),
  })
}

function ofRealm<C>(options: KeycloakOptions<C>): SigningIssuer<C> {
  assertPresetOptions('keycloak', options, { url: 'required', realm: 'required' })
  const base = toBase(options)
  const realm = matching(options.realm, realmShape, 'realm', expectedRealm)
  const name = `${base}/realms/${realm}`
  return ofShape(options, {
    iss: name,
    jwksUri: `${name}/protocol/openid-connect/certs`,
    kind: kindOf,
    // Keycloak distinguishes its tokens by a claim: ID, Refresh, Logout and others share the keys.
    requiredClaims: { typ: ['Bearer', 'DPoP'] },
    claimMap: { organization: organizationOf, roles: ['realm_access', 'roles'] },
  })
}

/** As written: Keycloak repeats its configured host name, port included, in every `iss`. */
function toBase({ url, insecureHttpHosts }: KeycloakShared<unknown>): string {
  const expected = "the server's URL without query, for example 'https://id.example.com'"
  const base = matching(url, /^https?:\/\/[^\s?#\\]+$/, 'url', expected)
  safeUrl(base, 'url', toHttpHosts(insecureHttpHosts))
  return base.replace(/\/$/, '')
}

// Ids of organizations are UUIDs. An alias is chosen by its creator: it must not be an id.
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** What no reader of organizations understands: the whole claim is dropped, and reported. */
const unreadable = 0

function organizationOf(claims: Claims): unknown {
  const { active_organization: active, organization } = claims
  if (isRecord(active)) return { id: active['id'], name: active['name'], roles: active['role'] }
  if (!isRecord(organization)) return [organization ?? []].flat().map(byAlias)
  return Object.entries(organization).map(byEntry)
}

function byAlias(alias: unknown): unknown {
  return typeof alias === 'string' && !uuid.test(alias) ? alias : unreadable
}

/** Other members are attributes, which say nothing about roles or names. */
function byEntry([alias, details]: [string, unknown]): unknown {
  if (details !== null && !isRecord(details)) return unreadable
  const id = isEmpty(details?.['id']) ? byAlias(alias) : details?.['id']
  return { id, name: alias }
}

const accountPrefix = 'service-account-'

/**
 * A service account is named after its client, and its tokens say `client_id`, which Keycloak writes
 * for them only. Users choose their names: the name of an account that is not the client's own, or
 * that has signed in, is neither a user's nor a service's.
 */
function kindOf(claims: Claims): unknown {
  const isStated = (name: string): boolean => !isEmpty(claims[name])
  const client = asText(claims['client_id'])
  if (claims['sub'] === (asText(claims['azp']) ?? client)) return 'service'
  const name = asText(claims['preferred_username'])?.toLowerCase()
  if (name === undefined) return undefined
  const isCalledFrom = ['clientHost', 'clientAddress'].some(isStated)
  if (!name.startsWith(accountPrefix)) return isCalledFrom ? undefined : 'user'
  const hasSignedIn = ['sid', 'session_state', 'auth_time'].some(isStated)
  const isOwn = client !== undefined && name === accountPrefix + client.toLowerCase()
  return isOwn && !hasSignedIn ? 'service' : undefined
}
