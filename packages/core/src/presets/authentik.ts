import { IdentityError } from '../errors.ts'
import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { isEmpty } from '../internal/values.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import type { KindRule } from '../issuer/kind.ts'
import { assertPresetOptions, hostName, matching, ofShape, type PresetOptions } from './preset.ts'

export interface AuthentikOptions<C = Claims> extends PresetOptions<C> {
  /** Host of the server, for example `id.example.com`. */
  readonly domain: string
  /** Slug of the application. */
  readonly application: string
  /** The client id of the application's provider: tokens name no other audience. */
  readonly audience: OneOrMore<string>
  /** Tokens of users and of service accounts look the same: say what yours are. */
  readonly kind: KindRule
}

/**
 * Access tokens of an authentik provider, with an issuer for each provider. They are its ID token with
 * `azp` and `uid` added: one without `uid` is refused. For one global issuer, set `iss`.
 *
 * https://docs.goauthentik.io/add-secure-apps/providers/oauth2/
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function authentik<C = Claims>(options: AuthentikOptions<C>): SigningIssuer<C> {
  assertPresetOptions('authentik', options, { domain: 'required', application: 'required' })
  const domain = hostName(options.domain, 'domain', 'id.example.com')
  const expected = "the slug of an application, for example 'mcp'"
  const slug = matching(options.application, /^[a-z0-9_-]+$/i, 'application', expected)
  const iss = `https://${domain}/application/o/${slug}/`
  return ofShape(options, {
    iss,
    jwksUri: `${iss}jwks/`,
    kind: options.kind,
    acceptIdTokens: true,
    claimMap: { subject: subjectOf, client: 'azp', roles: 'groups' },
  })
}

function subjectOf(claims: Claims): unknown {
  if (!isEmpty(claims['uid'])) return claims['sub']
  throw new IdentityError('TOK', { reason: 'token_type', failure: { claim: 'uid' } })
}
