import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { isEmpty } from '../internal/values.ts'
import { firstOf } from '../issuer/claims.ts'
import { assertPresetOptions, hostName, ofShape, type PresetOptions } from '../presets/preset.ts'
import { signedHeader } from '../sources/signed-header.ts'
import type { Source } from '../sources/source.ts'

export interface CloudflareAccessOptions<C = Claims> extends PresetOptions<C> {
  /** Team domain, for example `acme.cloudflareaccess.com`. */
  readonly domain: string
  /** AUD tag of the application. */
  readonly audience: OneOrMore<string>
}

/**
 * Cloudflare Access in front of this server. A service token has an empty `sub`, and its subject is
 * `common_name`.
 *
 * https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function cloudflareAccess<C = Claims>(options: CloudflareAccessOptions<C>): Source<C> {
  assertPresetOptions('cloudflareAccess', options, { domain: 'required' })
  const iss = `https://${hostName(options.domain, 'domain', 'acme.cloudflareaccess.com')}`
  const issuer = ofShape(options, {
    iss,
    jwksUri: `${iss}/cdn-cgi/access/certs`,
    kind: ({ sub }) => (isEmpty(sub) ? 'service' : 'user'),
    requiredClaims: { type: 'app' },
    claimMap: { subject: firstOf('sub', 'common_name') },
  })
  return signedHeader({ header: 'cf-access-jwt-assertion', issuer })
}
