import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, hostName, ofShape, type PresetOptions } from './preset.ts'

export interface LogtoOptions<C = Claims> extends PresetOptions<C> {
  /** Host of the tenant, for example `acme.logto.app`. */
  readonly domain: string
  /** Identifier of the API resource, or `urn:logto:organization:{id}` for tokens of an organization. */
  readonly audience: OneOrMore<string>
}

const organizationAudience = 'urn:logto:organization:'

/**
 * Access tokens of a Logto tenant for an API resource or an organization. (Without a resource they are
 * opaque.) The organization is `organization_id`, or the one in the audience.
 *
 * https://docs.logto.io/authorization/validate-access-tokens
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function logto<C = Claims>(options: LogtoOptions<C>): SigningIssuer<C> {
  assertPresetOptions('logto', options, { domain: 'required' })
  const iss = `https://${hostName(options.domain, 'domain', 'acme.logto.app')}/oidc`
  return ofShape(options, {
    iss,
    jwksUri: `${iss}/jwks`,
    algorithms: ['ES384'],
    kind: 'by-client',
    claimMap: { organization: (claims) => claims['organization_id'] ?? audienceOf(claims) },
  })
}

function audienceOf(claims: Claims): unknown {
  return [claims['aud']]
    .flat()
    .filter((name) => typeof name === 'string' && name.startsWith(organizationAudience))
    .map((name) => String(name).slice(organizationAudience.length))
}
