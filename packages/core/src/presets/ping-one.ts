import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { firstOf } from '../issuer/claims.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, hostName, matching, ofShape, type PresetOptions } from './preset.ts'

export interface PingOneOptions<C = Claims> extends PresetOptions<C> {
  /** Id of the environment, a UUID. */
  readonly environmentId: string
  /** Host of the region, for example `auth.pingone.eu`. Default: `auth.pingone.com`. */
  readonly domain?: string
  /** Audience of the custom resource. */
  readonly audience: OneOrMore<string>
}

/**
 * Access tokens of a PingOne environment for a custom resource. A token of client credentials has no
 * `sub`: its subject is the client, and it is a service's. `env` and `org` are PingOne's own, not an
 * organization of your customers: name yours in `claimMap.organization`. With a custom domain, set
 * `iss` and `keys`.
 *
 * https://developer.pingidentity.com/pingone-api/foundations/authentication-concepts/access-tokens-and-id-tokens/token-claims.html
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function pingOne<C = Claims>(options: PingOneOptions<C>): SigningIssuer<C> {
  assertPresetOptions('pingOne', options, { environmentId: 'required', domain: 'optional' })
  const domain = hostName(options.domain ?? 'auth.pingone.com', 'domain', 'auth.pingone.eu')
  const environment = matching(
    options.environmentId,
    /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    'environmentId',
    'the id of an environment, a UUID in lower case',
  )
  const iss = `https://${domain}/${environment}/as`
  return ofShape(options, {
    iss,
    jwksUri: `${iss}/jwks`,
    kind: 'by-client',
    claimMap: { subject: firstOf('sub', 'client_id'), client: 'client_id' },
  })
}
