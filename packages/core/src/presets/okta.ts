import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/one-or-more.ts'
import { firstOf } from '../issuer/claims.ts'
import { issuer, type SigningIssuer } from '../issuer/issuer.ts'
import { hostName, matching, type PresetOptions } from './preset.ts'

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
  const domain = hostName(options.domain, 'domain', 'acme.okta.com')
  const server = matching(
    options.authorizationServer ?? 'default',
    /^[A-Za-z0-9]+$/,
    'authorizationServer',
    "the id of a custom authorization server, for example 'default'",
  )
  const name = `https://${domain}/oauth2/${server}`
  return issuer<C>({
    ...options,
    iss: name,
    keys: options.keys ?? { jwksUri: `${name}/v1/keys` },
    tokenType: options.tokenType ?? 'compatible',
    claimMap: {
      subject: firstOf('uid', 'sub'),
      client: 'cid',
      roles: 'groups',
      scopes: 'scp',
      kind: (claims) => (claims['sub'] === claims['cid'] ? 'service' : 'user'),
      ...options.claimMap,
    },
  })
}
