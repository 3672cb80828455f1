import { IdentityError } from '../errors.ts'
import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { isRecord } from '../internal/values.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, byPrefix, hostName, ofShape, type PresetOptions } from './preset.ts'

export interface ClerkOptions<C = Claims> extends PresetOptions<C> {
  /** The instance's Frontend API, for example `clerk.example.com`. */
  readonly domain: string
  /**
   * Tokens have none unless a template adds it: say `null`, and `acceptTokensForOtherServers: true`.
   * List the origins of your own pages in `requiredClaims.azp`.
   */
  readonly audience: OneOrMore<string> | null
}

/**
 * Tokens of Clerk: of sessions (both versions), of OAuth clients and of services (`mch_`). The organization is `o`, or `org_id` in
 * version 1. `azp` is the origin of a page and no client. A session that is still pending is refused.
 *
 * https://clerk.com/docs/guides/sessions/session-tokens
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function clerk<C = Claims>(options: ClerkOptions<C>): SigningIssuer<C> {
  assertPresetOptions('clerk', options, { domain: 'required' })
  const domain = hostName(options.domain, 'domain', 'clerk.example.com')
  return ofShape(options, {
    iss: `https://${domain}`,
    jwksUri: `https://${domain}/.well-known/jwks.json`,
    kind: kindOf,
    claimMap: {
      client: 'client_id',
      organization: organizationOf,
      roles: (claims) => organizationMember(claims, 'rol') ?? claims['org_role'],
    },
  })
}

function organizationOf(claims: Claims): unknown {
  const id = organizationMember(claims, 'id') ?? claims['org_id']
  if (id === undefined) return undefined
  return { id, name: organizationMember(claims, 'slg') ?? claims['org_slug'] }
}

function organizationMember({ o }: Claims, name: string): unknown {
  return isRecord(o) ? o[name] : undefined
}

const byId = byPrefix({ user_: 'user', mch_: 'service' })

/** A pending session has tasks to do, such as choosing an organization: its user is not signed in. */
function kindOf(claims: Claims): unknown {
  if (claims['sts'] !== 'pending') return byId(claims)
  const failure = { claim: 'sts', expected: ['active'] }
  throw new IdentityError('TOK', { reason: 'required_claim', failure })
}
