import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { isRecord } from '../internal/values.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import type { KindRule } from '../issuer/kind.ts'
import { assertPresetOptions, hostName, matching, ofShape, type PresetOptions } from './preset.ts'

export interface DescopeOptions<C = Claims> extends PresetOptions<C> {
  /** Project id, for example `P2abc`. */
  readonly projectId: string
  /** Host of the API. Default: `api.descope.com`. */
  readonly domain?: string
  /** Tokens have none unless a template adds it: say `null`, and `acceptTokensForOtherServers: true`. */
  readonly audience: OneOrMore<string> | null
  /** Tokens of users and of access keys look the same: say what yours are. */
  readonly kind: KindRule
}

/**
 * Session tokens of a Descope project (`drn: DS`), under its bare id and the URL that some templates
 * write. Refresh tokens are refused. The organization is the current tenant (`dct`), else all of
 * `tenants`.
 *
 * https://docs.descope.com/session-overview
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function descope<C = Claims>(options: DescopeOptions<C>): SigningIssuer<C> {
  assertPresetOptions('descope', options, { projectId: 'required', domain: 'optional' })
  const expected = "the id of a project, for example 'P2abc'"
  const project = matching(options.projectId, /^P[A-Za-z0-9]+$/, 'projectId', expected)
  const domain = hostName(options.domain ?? 'api.descope.com', 'domain', 'api.descope.com')
  return ofShape(options, {
    iss: [project, `https://${domain}/${project}`],
    jwksUri: `https://${domain}/${project}/.well-known/jwks.json`,
    kind: options.kind,
    // Its mark is `drn`: that a token says how its user signed in makes none an ID token here.
    acceptIdTokens: true,
    requiredClaims: { drn: 'DS' },
    claimMap: { organization: organizationOf },
  })
}

function organizationOf({ dct, tenants }: Claims): unknown {
  if (typeof dct !== 'string' || dct === '' || !isRecord(tenants)) return tenants
  return { id: dct, roles: isRecord(tenants[dct]) ? tenants[dct]['roles'] : undefined }
}
