import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { isEmpty } from '../internal/values.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, hostName, ofShape, type PresetOptions } from './preset.ts'

export interface XsuaaOptions<C = Claims> extends PresetOptions<C> {
  /** Host in the `url` of the service binding, for example `acme.authentication.eu10.hana.ondemand.com`. */
  readonly domain: string
  /** The `xsappname` or `clientid` of the service binding. */
  readonly audience: OneOrMore<string>
}

/**
 * Access tokens of SAP BTP's XSUAA, of one subaccount. The organization is `zid`, the subaccount's
 * zone. The address of keys in their header (`jku`) is ignored.
 *
 * https://github.com/SAP/cloud-security-services-integration-library
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function xsuaa<C = Claims>(options: XsuaaOptions<C>): SigningIssuer<C> {
  assertPresetOptions('xsuaa', options, { domain: 'required' })
  const example = 'acme.authentication.eu10.hana.ondemand.com'
  const domain = hostName(options.domain, 'domain', example)
  return ofShape(options, {
    iss: `https://${domain}/oauth/token`,
    jwksUri: `https://${domain}/token_keys`,
    kind: kindOf,
    ignoreKeyHeaders: true,
    claimMap: { client: 'cid', organization: 'zid' },
  })
}

/** Whatever the grant is called: only a token of a user has a `user_id`. */
function kindOf(claims: Claims): unknown {
  if (claims['grant_type'] === 'client_credentials') return 'service'
  return isEmpty(claims['user_id']) ? undefined : 'user'
}
