import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import type { KindRule } from '../issuer/kind.ts'
import { assertPresetOptions, hostName, ofShape, type PresetOptions } from '../presets/preset.ts'
import { signedHeader } from '../sources/signed-header.ts'
import type { Source } from '../sources/source.ts'

export interface PomeriumOptions<C = Claims> extends PresetOptions<C> {
  /** Host of the route, for example `mcp.example.com`. */
  readonly domain: string
  /** Host of the route, as it is in `aud`. */
  readonly audience: OneOrMore<string>
  /** `'user'`, unless the route also admits service accounts or bearer tokens of workloads. */
  readonly kind: KindRule
}

/**
 * Pomerium in front of this server, with `pass_identity_headers`. `iss` is the route's host, or with
 * `jwt_issuer_format: uri` its URL. Roles are `groups`.
 *
 * https://www.pomerium.com/docs/capabilities/getting-users-identity
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function pomerium<C = Claims>(options: PomeriumOptions<C>): Source<C> {
  assertPresetOptions('pomerium', options, { domain: 'required' })
  const domain = hostName(options.domain, 'domain', 'mcp.example.com')
  const issuer = ofShape(options, {
    iss: [domain, `https://${domain}`, `https://${domain}/`],
    jwksUri: `https://${domain}/.well-known/pomerium/jwks.json`,
    algorithms: ['ES256'],
    kind: options.kind,
    claimMap: { roles: 'groups' },
  })
  return signedHeader({ header: 'x-pomerium-jwt-assertion', issuer })
}
