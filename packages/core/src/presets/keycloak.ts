import type { Claims } from '../identity.ts'
import { isRecord } from '../internal/is-record.ts'
import type { OneOrMore } from '../internal/one-or-more.ts'
import { safeUrl } from '../internal/safe-url.ts'
import { asText } from '../internal/text.ts'
import { issuer, type SigningIssuer } from '../issuer/issuer.ts'
import { matching, type PresetOptions } from './preset.ts'

export interface KeycloakOptions<C = Claims> extends PresetOptions<C> {
  /** Base URL of the server as its tokens name it, for example `https://id.example.com`. */
  readonly url: string
  readonly realm: string
  /** Put there by an audience mapper; the default `account` is not your audience. */
  readonly audience: OneOrMore<string>
}

/**
 * Access tokens of a Keycloak realm (26 or newer). Organizations come from the `organization` claim
 * in each of its shapes, the alias being the id unless the mapper adds one, or from
 * `active_organization`. Roles are the realm's; name `['resource_access', client, 'roles']` in
 * `claimMap.roles` for a client's.
 *
 * Tokens without `preferred_username` (scope `profile`) are refused: they do not tell a user from a
 * service account. Say in `claimMap.kind` what yours are, where they lack it.
 *
 * https://www.keycloak.org/docs/latest/server_admin/ (organizations)
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function keycloak<C = Claims>(options: KeycloakOptions<C>): SigningIssuer<C> {
  const base = toBase(options.url)
  const realm = matching(
    options.realm,
    /^[A-Za-z0-9._~-]+$/,
    'realm',
    "the realm's name as it is in its URLs, for example 'agents'",
  )
  const name = `${base}/realms/${realm}`
  return issuer<C>({
    ...options,
    iss: name,
    keys: options.keys ?? { jwksUri: `${name}/protocol/openid-connect/certs` },
    tokenType: options.tokenType ?? 'compatible',
    // Keycloak tells its tokens apart by a claim: ID, Refresh, Logout and others share the keys.
    requiredClaims: { ...options.requiredClaims, typ: ['Bearer', 'DPoP'] },
    claimMap: {
      organization: organizationOf,
      roles: ['realm_access', 'roles'],
      kind: kindOf,
      ...options.claimMap,
    },
  })
}

/** As written: Keycloak repeats its configured host name, port included, in every `iss`. */
function toBase(url: string): string {
  const expected = "the server's URL without query, for example 'https://id.example.com'"
  const base = matching(url, /^https?:\/\/[^\s?#\\]+$/, 'url', expected)
  safeUrl(base, 'url')
  return base.replace(/\/$/, '')
}

function organizationOf(claims: Claims): unknown {
  const active = claims['active_organization']
  return isRecord(active) ? { ...active, roles: active['role'] } : claims['organization']
}

/** Service accounts are users of the realm with a name that Keycloak reserves for them. */
function kindOf(claims: Claims): unknown {
  const name = asText(claims['preferred_username'])
  if (name === undefined) return undefined
  return name.startsWith('service-account-') ? 'service' : 'user'
}
