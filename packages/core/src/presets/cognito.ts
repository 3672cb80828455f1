import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/one-or-more.ts'
import { firstOf } from '../issuer/claims.ts'
import { issuer, type SigningIssuer } from '../issuer/issuer.ts'
import type { KeySource } from '../keys/key-source.ts'
import { jwksKeys } from '../keys/remote-keys.ts'
import { matching, type PresetOptions } from './preset.ts'

export interface CognitoOptions<C = Claims> extends PresetOptions<C> {
  /** For example `eu-west-1`. */
  readonly region: string
  /** For example `eu-west-1_Ab12Cd34E`. */
  readonly userPoolId: string
  /**
   * Cognito access tokens have no `aud` unless a pre token generation trigger adds it: say `null`,
   * and list `clients` (and best `scopes` of your resource server) in its place.
   */
  readonly audience: OneOrMore<string> | null
}

/**
 * Access tokens of an Amazon Cognito user pool, of persons and of machines, under both of the
 * pool's issuer names. ID tokens are refused. The organization is `custom:tenant_id` or `org_id`,
 * where a trigger adds it; roles are `cognito:groups`.
 *
 * https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function cognito<C = Claims>(options: CognitoOptions<C>): SigningIssuer<C> {
  const region = matching(options.region, /^[a-z]{2}(?:-[a-z]+)+-\d$/, 'region')
  const pool = matching(options.userPoolId, /^[A-Za-z0-9-]+_[A-Za-z0-9]+$/, 'userPoolId')
  if (!pool.startsWith(`${region}_`)) throw new TypeError('userPoolId must be one of the region')
  const issuers = ['cognito-idp', 'issuer-cognito-idp'].map(
    (host) => `https://${host}.${region}.amazonaws.com/${pool}`,
  )
  return issuer<C>({
    ...options,
    iss: issuers,
    keys: options.keys ?? keysByIssuer(issuers, options),
    tokenType: options.tokenType ?? 'compatible',
    requiredClaims: { ...options.requiredClaims, token_use: 'access' },
    claimMap: {
      client: 'client_id',
      organization: firstOf('custom:tenant_id', 'org_id'),
      roles: 'cognito:groups',
      kind: kindOf,
      ...options.claimMap,
    },
  })
}

/** A person has a `username`; a machine's `sub` is its client. */
function kindOf(claims: Claims): unknown {
  if (typeof claims['username'] === 'string') return 'user'
  return claims['sub'] === claims['client_id'] ? 'service' : undefined
}

/** Each issuer name publishes its keys below itself. */
function keysByIssuer(issuers: readonly string[], options: PresetOptions<unknown>): KeySource {
  const sources = new Map(
    issuers.map((name) => [name, jwksKeys(`${name}/.well-known/jwks.json`, options)]),
  )
  const original = [...sources.values()][0] as KeySource
  return {
    find: async (lookup, report) => (await sources.get(lookup.issuer)?.find(lookup, report)) ?? [],
    ready: (report) => original.ready(report),
  }
}
