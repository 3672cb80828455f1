import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { isServiceAccount } from '../presets/google.ts'
import { assertPresetOptions, ofShape, type PresetOptions } from '../presets/preset.ts'
import { signedHeader } from '../sources/signed-header.ts'
import type { Source } from '../sources/source.ts'

export interface GoogleIapOptions<C = Claims> extends PresetOptions<C> {
  /**
   * `/projects/{number}/global/backendServices/{id}` behind a load balancer,
   * `/projects/{number}/apps/{id}` on App Engine.
   */
  readonly audience: OneOrMore<string>
}

/**
 * Google's Identity-Aware Proxy in front of this server. The organization is `hd`, the Workspace
 * domain; service accounts are services.
 *
 * https://cloud.google.com/iap/docs/signed-headers-howto
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function googleIap<C = Claims>(options: GoogleIapOptions<C>): Source<C> {
  assertPresetOptions('googleIap', options, {})
  const issuer = ofShape(options, {
    iss: 'https://cloud.google.com/iap',
    jwksUri: 'https://www.gstatic.com/iap/verify/public_key-jwk',
    algorithms: ['ES256'],
    kind: ({ email }) => (isServiceAccount(email) ? 'service' : 'user'),
    claimMap: { organization: 'hd' },
  })
  return signedHeader({ header: 'x-goog-iap-jwt-assertion', issuer })
}
