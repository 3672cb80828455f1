import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/one-or-more.ts'
import { asText } from '../internal/text.ts'
import { issuer, type SigningIssuer } from '../issuer/issuer.ts'
import { hostName, type PresetOptions } from './preset.ts'

export interface Auth0Options<C = Claims> extends PresetOptions<C> {
  /** Tenant or custom domain, for example `acme.eu.auth0.com`. */
  readonly domain: string
  /** Identifier of the API. */
  readonly audience: OneOrMore<string>
}

/**
 * RS256 access tokens of an Auth0 API. The organization is `org_id` with `org_name`. Auth0 has no
 * claim for roles: name your namespaced one in `claimMap.roles`.
 *
 * https://auth0.com/docs/manage-users/organizations/using-tokens
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function auth0<C = Claims>(options: Auth0Options<C>): SigningIssuer<C> {
  const domain = hostName(options.domain, 'domain', 'acme.eu.auth0.com')
  return issuer<C>({
    ...options,
    iss: `https://${domain}/`,
    keys: options.keys ?? { jwksUri: `https://${domain}/.well-known/jwks.json` },
    tokenType: options.tokenType ?? 'compatible',
    claimMap: { kind: kindOf, ...options.claimMap },
  })
}

function kindOf(claims: Claims): unknown {
  const isService =
    claims['gty'] === 'client-credentials' || asText(claims['sub'])?.endsWith('@clients')
  return isService ? 'service' : 'user'
}
