import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { asText } from '../internal/values.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, hostName, ofShape, type PresetOptions } from './preset.ts'

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
  assertPresetOptions('auth0', options, { domain: 'required' })
  const domain = hostName(options.domain, 'domain', 'acme.eu.auth0.com')
  return ofShape(options, {
    iss: `https://${domain}/`,
    jwksUri: `https://${domain}/.well-known/jwks.json`,
    kind: kindOf,
  })
}

/**
 * The subject of a client is `{client}@clients`. That of a user begins with the name of a connection
 * and a `|`, and ends as its connection likes: an ending alone says nothing.
 */
function kindOf(claims: Claims): unknown {
  const subject = asText(claims['sub']) ?? ''
  const client = asText(claims['client_id']) ?? asText(claims['azp'])
  if (client !== undefined && subject === `${client}@clients`) return 'service'
  const isOfConnection = subject.includes('|')
  // Auth0 writes it, and lets nothing else write it.
  if (claims['gty'] === 'client-credentials') return isOfConnection ? undefined : 'service'
  return !isOfConnection && subject.endsWith('@clients') ? undefined : 'user'
}
