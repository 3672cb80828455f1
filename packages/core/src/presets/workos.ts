import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import {
  assertPresetOptions,
  byPrefix,
  hostName,
  matching,
  ofShape,
  type PresetOptions,
} from './preset.ts'

export interface WorkosOptions<C = Claims> extends PresetOptions<C> {
  /** AuthKit or custom domain, for example `acme.authkit.app`. */
  readonly domain: string
  /** The resource; for services also the environment's client id, which is all that their tokens name. */
  readonly audience: OneOrMore<string>
}

/**
 * Access tokens of WorkOS Connect, as MCP clients get them from AuthKit: of users and of M2M
 * applications, whose `sub` is their client. The organization is `org_id`.
 *
 * https://workos.com/docs/authkit/connect/token-claims
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function workos<C = Claims>(options: WorkosOptions<C>): SigningIssuer<C> {
  assertPresetOptions('workos', options, { domain: 'required' })
  const domain = hostName(options.domain, 'domain', 'acme.authkit.app')
  return ofShape(options, {
    iss: `https://${domain}`,
    jwksUri: `https://${domain}/oauth2/jwks`,
    kind: 'by-client',
  })
}

export interface WorkosSessionOptions<C = Claims> extends PresetOptions<C> {
  /** Client id of the environment, for example `client_01HXYZ`. */
  readonly clientId: string
  /** Domain of the authentication API. Default: `api.workos.com`. */
  readonly domain?: string
  /** Session tokens have none: say `null`, and `acceptTokensForOtherServers: true`. */
  readonly audience: OneOrMore<string> | null
}

/**
 * Session tokens of WorkOS AuthKit: of users of your own application, under both of the names that
 * WorkOS gives the issuer. They name no audience. `act` names who acts as the user.
 *
 * https://workos.com/docs/reference/authkit/session-tokens
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function workosSession<C = Claims>(options: WorkosSessionOptions<C>): SigningIssuer<C> {
  assertPresetOptions('workosSession', options, { clientId: 'required', domain: 'optional' })
  const client = matching(
    options.clientId,
    /^client_[A-Za-z0-9]+$/,
    'clientId',
    "a client id of WorkOS, for example 'client_01HXYZ'",
  )
  const domain = hostName(options.domain ?? 'api.workos.com', 'domain', 'api.workos.com')
  return ofShape(options, {
    iss: [`https://${domain}/user_management/${client}`, `https://${domain}`],
    jwksUri: `https://${domain}/sso/jwks/${client}`,
    kind: byPrefix({ user_: 'user' }),
    claimMap: { roles: (claims) => claims['roles'] ?? claims['role'], scopes: 'permissions' },
  })
}
