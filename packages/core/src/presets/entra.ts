import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { asText } from '../internal/values.ts'
import { firstOf } from '../issuer/claims.ts'
import { issuer, type SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, matching, type PresetOptions } from './preset.ts'

export interface EntraOptions<C = Claims> extends PresetOptions<C> {
  /** Directory (tenant) id, a GUID: `common` and `organizations` are not issuers. */
  readonly tenantId: string
  /** The API's application id (v2.0 tokens) or its App ID URI (v1.0 tokens). */
  readonly audience: OneOrMore<string>
  /** The cloud that the directory lives in; `external-id` is Entra External ID. Default `global`. */
  readonly cloud?: 'global' | 'us-gov' | 'china' | 'external-id'
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
      return cloud('login.microsoftonline.com', 'sts.windows.net', tenant)
    case 'us-gov':
      return cloud('login.microsoftonline.us', 'sts.windows.net', tenant)
    case 'china':
      return cloud('login.partner.microsoftonline.cn', 'sts.chinacloudapi.cn', tenant)
    case 'external-id':
      return { authority: `https://${tenant}.ciamlogin.com/${tenant}` }
    default:
      throw new TypeError("cloud must be 'global', 'us-gov', 'china' or 'external-id'")
  }
}

function cloud(host: string, v1Host: string, tenant: string): Cloud {
  return { authority: `https://${host}/${tenant}`, v1: `https://${v1Host}/${tenant}/` }
}

const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Access tokens of one Microsoft Entra ID tenant, v1.0 and v2.0, in any
 * of Microsoft's clouds. The subject is `oid`, the same in
 * every application, and the organization is the tenant (`tid`). ID tokens are refused.
 *
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function entra<C = Claims>(options: EntraOptions<C>): SigningIssuer<C> {
  assertPresetOptions('entra', options, { tenantId: 'required', cloud: 'optional' })
  const { tenantId: _tenantId, cloud: _cloud, ...shared } = options
  const tenant = matching(
    options.tenantId,
    guid,
    'tenantId',
    "the GUID of one directory in lower case, for example '0b9d4f0a-1b2c-4c57-9a55-6c9d3c1a4c57'",
  )
  const { authority, v1 } = cloudOf(options.cloud ?? 'global', tenant)
  return issuer<C>({
    ...shared,
    iss: [`${authority}/v2.0`, ...(v1 === undefined ? [] : [v1])],
    keys: options.keys ?? { jwksUri: `${authority}/discovery/v2.0/keys` },
    tokenType: options.tokenType ?? 'compatible',
    requiredClaims: { ...options.requiredClaims, tid: tenant },
    claimMap: {
      subject: 'oid',
      client: firstOf('azp', 'appid'),
      organization: 'tid',
      scopes: 'scp',
      kind: kindOf,
      ...options.claimMap,
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
