import { IdentityError } from '../errors.ts'
import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { asText } from '../internal/values.ts'
import { firstOf } from '../issuer/claims.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, hostName, matching, ofShape, type PresetOptions } from './preset.ts'

export interface OktaOptions<C = Claims> extends PresetOptions<C> {
  /** Okta domain, for example `acme.okta.com`. */
  readonly domain: string
  /** Id of the custom authorization server. Default: `default`. */
  readonly authorizationServer?: string
  readonly audience: OneOrMore<string>
}

/**
 * Access tokens of an Okta custom authorization server. (Tokens of the org authorization server are
 * opaque to anyone but Okta.) The subject is `uid`, which stays when a login changes, else `sub`;
 * roles are `groups`, where configured.
 *
 * https://developer.okta.com/docs/guides/validate-access-tokens/
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function okta<C = Claims>(options: OktaOptions<C>): SigningIssuer<C> {
  assertPresetOptions('okta', options, { domain: 'required', authorizationServer: 'optional' })
  const domain = hostName(options.domain, 'domain', 'acme.okta.com')
  const server = matching(
    options.authorizationServer ?? 'default',
    /^[A-Za-z0-9]+$/,
    'authorizationServer',
    "the id of a custom authorization server, for example 'default'",
  )
  const name = `https://${domain}/oauth2/${server}`
  return ofShape(options, {
    iss: name,
    jwksUri: `${name}/v1/keys`,
    kind: kindOf,
    claimMap: { subject: firstOf('uid', 'sub'), client: 'cid', roles: 'groups', scopes: 'scp' },
  })
}

/** A service's `sub` is its client and it has no `uid`. A user's `sub` is their login: they may have chosen it. */
function kindOf(claims: Claims): unknown {
  if (claims['sub'] !== claims['cid']) return 'user'
  if (asText(claims['uid']) === undefined) return 'service'
  throw new IdentityError('TOK', { reason: 'kind_unknown' })
}
