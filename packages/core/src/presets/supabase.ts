import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, hostName, ofShape, type PresetOptions } from './preset.ts'

export interface SupabaseOptions<C = Claims> extends PresetOptions<C> {
  /** Host of the project, for example `abcdefgh.supabase.co`. */
  readonly domain: string
  /** `authenticated`, unless a hook writes another: every server of the project accepts these tokens. */
  readonly audience: OneOrMore<string>
}

/**
 * Access tokens that the OAuth server of a Supabase project issues to MCP clients. The project needs
 * an asymmetric signing key. Tokens of sessions name no client and are refused, unless you set
 * `acceptIdTokens`; so are anonymous users. Read no role and no organization from `user_metadata`,
 * which users write: name yours in `claimMap`, below `app_metadata`.
 *
 * https://supabase.com/docs/guides/auth/oauth-server/token-security
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function supabase<C = Claims>(options: SupabaseOptions<C>): SigningIssuer<C> {
  assertPresetOptions('supabase', options, { domain: 'required' })
  const domain = hostName(options.domain, 'domain', 'abcdefgh.supabase.co')
  const iss = `https://${domain}/auth/v1`
  return ofShape(options, {
    iss,
    jwksUri: `${iss}/.well-known/jwks.json`,
    algorithms: ['ES256', 'RS256'],
    kind: kindOf,
    claimMap: { client: 'client_id' },
  })
}

/** The keys of a project (`service_role`, `anon`) belong to nobody. */
function kindOf(claims: Claims): unknown {
  if (claims['role'] === 'service_role') return 'service'
  return claims['role'] === 'anon' || claims['is_anonymous'] === true ? undefined : 'user'
}
