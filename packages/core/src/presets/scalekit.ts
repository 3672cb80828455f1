import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, byPrefix, hostName, ofShape, type PresetOptions } from './preset.ts'

export interface ScalekitOptions<C = Claims> extends PresetOptions<C> {
  /** Host of the environment, for example `acme.scalekit.com`. */
  readonly domain: string
  /** The server's URL as registered, or its resource id. */
  readonly audience: OneOrMore<string>
}

/**
 * Access tokens of a Scalekit environment. The organization is `oid`. The subject of a user begins
 * with `usr_`; any other is a service's if it is the client, and else refused.
 *
 * https://docs.scalekit.com/guides/accesstoken-claims
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function scalekit<C = Claims>(options: ScalekitOptions<C>): SigningIssuer<C> {
  assertPresetOptions('scalekit', options, { domain: 'required' })
  const iss = `https://${hostName(options.domain, 'domain', 'acme.scalekit.com')}`
  return ofShape(options, {
    iss,
    jwksUri: `${iss}/keys`,
    kind: byPrefix({ usr_: 'user' }),
    claimMap: { client: 'client_id', organization: 'oid' },
  })
}
