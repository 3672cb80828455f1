import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { asText } from '../internal/values.ts'
import { firstOf } from '../issuer/claims.ts'
import { createFamily, type FamilyLimits } from '../issuer/family/family.ts'
import { type TenantList, toFind, toMonotonic, toTenantServers } from '../issuer/family/options.ts'
import type { Issuer, SigningIssuer } from '../issuer/issuer.ts'
import { jwksKeys } from '../keys/remote-keys.ts'
import { assertPresetOptions, matching, ofShape, type PresetOptions } from './preset.ts'

interface EntraShared<C> extends PresetOptions<C> {
  /** The API's application id (v2.0 tokens) or its App ID URI (v1.0 tokens). */
  readonly audience: OneOrMore<string>
  /** The cloud that the directory lives in; `external-id` is Entra External ID. Default `global`. */
  readonly cloud?: 'global' | 'us-gov' | 'china' | 'external-id'
}

export interface EntraOptions<C = Claims> extends EntraShared<C> {
  /** Directory (tenant) id, a GUID: `common` and `organizations` are not issuers. */
  readonly tenantId: string
}

/** A multi-tenant application: `organizations`, with a list of the tenants that may call. */
export interface EntraTenantsOptions<C = Claims> extends Omit<EntraShared<C>, 'iss'>, FamilyLimits {
  /**
   * Directory (tenant) ids that may call, or a function that says of one whether it may. It is asked with
   * the `tid` of a token that nobody has verified yet.
   */
  readonly tenants: TenantList
}

interface Cloud {
  readonly authority: string
  /** Issuer of v1.0 tokens, where the cloud has them. */
  readonly v1?: string
}

/** https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud */
function cloudOf(name: string, tenant: string): Cloud {
  switch (name) {
    case 'global':
      return cloudAt('login.microsoftonline.com', 'sts.windows.net', tenant)
    case 'us-gov':
      return cloudAt('login.microsoftonline.us', 'sts.windows.net', tenant)
    case 'china':
      return cloudAt('login.partner.microsoftonline.cn', 'sts.chinacloudapi.cn', tenant)
    case 'external-id':
      return { authority: `https://${tenant}.ciamlogin.com/${tenant}` }
    default:
      throw new TypeError("cloud must be 'global', 'us-gov', 'china' or 'external-id'")
  }
}

function cloudAt(host: string, v1Host: string, tenant: string): Cloud {
  return { authority: `https://${host}/${tenant}`, v1: `https://${v1Host}/${tenant}/` }
}

const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Access tokens of one Microsoft Entra ID tenant, or with `tenants` of all that are on a list, v1.0 and
 * v2.0, in any of Microsoft's clouds. The subject is `oid`, the same in
 * every application, and the organization is the tenant (`tid`). ID tokens are refused.
 *
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function entra<C = Claims>(options: EntraOptions<C>): SigningIssuer<C>
export function entra<C = Claims>(options: EntraTenantsOptions<C>): Issuer<C>
export function entra<C = Claims>(options: EntraOptions<C> | EntraTenantsOptions<C>): Issuer<C> {
  return 'tenants' in options ? ofTenants(options) : ofTenant(options)
}

const expectedTenant =
  "the GUID of one directory in lower case, for example '0b9d4f0a-1b2c-4c57-9a55-6c9d3c1a4c57'"
const nobody = '00000000-0000-0000-0000-000000000000'

/** Tenants of one cloud sign with the same keys, each of which says whose it is. */
function ofTenants<C>(options: EntraTenantsOptions<C>): Issuer<C> {
  assertPresetOptions('entra', options, {
    iss: 'never',
    tenants: 'required',
    cloud: 'optional',
    listSeconds: 'optional',
    maxIssuers: 'optional',
  })
  const { tenants, listSeconds, maxIssuers, authorizationServers, ...common } = options
  const { cloud: name = 'global' } = common
  const namesOf = (tenant: string): readonly string[] => issuerNames(cloudOf(name, tenant))
  const place = `${cloudOf(name, 'organizations').authority}/discovery/v2.0/keys`
  const ofCloud = name === 'external-id' ? undefined : jwksKeys(place, options)
  const keys = options.keys ?? ofCloud
  const create = (tenantId: string): SigningIssuer<C> =>
    ofTenant({ ...common, tenantId, ...(keys && { keys }) })
  return createFamily<true, C>({
    create,
    find: toFind(tenants, 'tenants', guid, expectedTenant),
    sample: create(nobody),
    memberOf: (iss) => {
      const [tenant = ''] = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(iss) ?? []
      return tenant !== '' && namesOf(tenant).includes(iss) ? tenant : undefined
    },
    firstNameOf: (tenant) => namesOf(tenant)[0] ?? '',
    ...(options.keys === undefined &&
      ofCloud && { shared: { keys: ofCloud, name: cloudOf(name, 'organizations').authority } }),
    ...(listSeconds !== undefined && { listSeconds }),
    ...(maxIssuers !== undefined && { maxIssuers }),
    authorizationServers: toTenantServers(authorizationServers, options),
    monotonic: toMonotonic(options),
  })
}

function issuerNames({ authority, v1 }: Cloud): readonly string[] {
  return [`${authority}/v2.0`, ...(v1 === undefined ? [] : [v1])]
}

function ofTenant<C>(options: EntraOptions<C>): SigningIssuer<C> {
  assertPresetOptions('entra', options, { tenantId: 'required', cloud: 'optional' })
  const tenant = matching(options.tenantId, guid, 'tenantId', expectedTenant)
  const cloud = cloudOf(options.cloud ?? 'global', tenant)
  const { authority } = cloud
  return ofShape(options, {
    iss: issuerNames(cloud),
    jwksUri: `${authority}/discovery/v2.0/keys`,
    kind: kindOf,
    requiredClaims: { tid: tenant },
    claimMap: {
      subject: 'oid',
      client: firstOf('azp', 'appid'),
      organization: 'tid',
      scopes: 'scp',
    },
  })
}

// Facet of an agent's own user account: `idtyp` says "user", but no human is behind it.
const agentUser = '13'

/** Delegated tokens have `scp`; application tokens have none and their `oid` is their `sub`. */
function kindOf(claims: Claims): unknown {
  if (claims['idtyp'] === 'app' || facets(claims['xms_sub_fct']).includes(agentUser))
    return 'service'
  if (asText(claims['scp'])?.trim()) return 'user'
  return claims['oid'] === claims['sub'] ? 'service' : undefined
}

/** Numbers, separated by spaces; one alone, a list of them, or another separator must not go unseen. */
function facets(value: unknown): readonly string[] {
  return [value].flat().flatMap((item) => String(item).split(/\D+/))
}
