import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/one-or-more.ts'
import { firstOf } from '../issuer/claims.ts'
import { issuer, type SigningIssuer } from '../issuer/issuer.ts'
import { matching, type PresetOptions } from './preset.ts'

export interface EntraOptions<C = Claims> extends PresetOptions<C> {
  /** Directory (tenant) id, a GUID: `common` and `organizations` are no issuers. */
  readonly tenantId: string
  /** The API's application id (v2.0 tokens) or its App ID URI (v1.0 tokens). */
  readonly audience: OneOrMore<string>
}

const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Access tokens of one Microsoft Entra ID tenant, v1.0 and v2.0. The subject is `oid`, the same in
 * every application, and the organization is the tenant (`tid`). ID tokens are refused.
 *
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function entra<C = Claims>(options: EntraOptions<C>): SigningIssuer<C> {
  const tenant = matching(options.tenantId, guid, 'tenantId')
  const authority = `https://login.microsoftonline.com/${tenant}`
  return issuer<C>({
    ...options,
    iss: [`${authority}/v2.0`, `https://sts.windows.net/${tenant}/`],
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
  if (typeof claims['scp'] === 'string') return 'user'
  return claims['oid'] === claims['sub'] ? 'service' : undefined
}

/** Space-separated numbers; one alone, or a list of them, must not go unseen. */
function facets(value: unknown): readonly string[] {
  return [value].flat().flatMap((item) => String(item).split(' '))
}
