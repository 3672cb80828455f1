import type { Claims } from '../identity.ts'
import { type OneOrMore, toList } from '../internal/options.ts'
import { asText } from '../internal/values.ts'
import { firstOf } from '../issuer/claims.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import type { KeySource } from '../keys/key-source.ts'
import { jwksKeys } from '../keys/remote-keys.ts'
import { assertPresetOptions, matching, ofShape, type PresetOptions } from './preset.ts'

export interface CognitoOptions<C = Claims> extends PresetOptions<C> {
  /** For example `eu-west-1`. */
  readonly region: string
  /** For example `eu-west-1_Ab12Cd34E`. */
  readonly userPoolId: string
  /** Regions that the pool is replicated to. Tokens of a replica name its region in `iss`. */
  readonly replicaRegions?: OneOrMore<string>
  /**
   * Cognito access tokens have no `aud` unless a pre token generation trigger adds it: say `null`,
   * and list `clients` (and best `scopes` of your resource server) in its place.
   */
  readonly audience: OneOrMore<string> | null
}

/**
 * Access tokens of an Amazon Cognito user pool, of users and of services, under both of the
 * pool's issuer names. ID tokens are refused. The organization is `custom:tenant_id` or `org_id`,
 * where a trigger adds it; roles are `cognito:groups`.
 *
 * https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function cognito<C = Claims>(options: CognitoOptions<C>): SigningIssuer<C> {
  assertPresetOptions('cognito', options, {
    region: 'required',
    userPoolId: 'required',
    replicaRegions: 'optional',
  })
  const issuers = toList(options.iss, 'iss') ?? issuersOf(options)
  return ofShape(
    { ...options, keys: options.keys ?? keysByIssuer(issuers, options) },
    {
      iss: issuers,
      jwksUri: `${issuers[0]}/.well-known/jwks.json`,
      kind: kindOf,
      requiredClaims: { token_use: 'access' },
      claimMap: {
        client: 'client_id',
        organization: firstOf('custom:tenant_id', 'org_id'),
        roles: 'cognito:groups',
      },
    },
  )
}

/** Both names of the pool in its own region, then those of its replicas. */
function issuersOf(options: CognitoOptions<unknown>): readonly string[] {
  const region = toRegion(options.region, 'region')
  const expected = `the id of a user pool of ${region}, for example '${region}_Ab12Cd34E'`
  const pool = matching(options.userPoolId, /^[a-z0-9-]+_[A-Za-z0-9]+$/, 'userPoolId', expected)
  if (!pool.startsWith(`${region}_`)) throw new TypeError(`userPoolId must be ${expected}`)
  const replicas = toList(options.replicaRegions, 'replicaRegions') ?? []
  return [region, ...replicas.map((name) => toRegion(name, 'replicaRegions'))].flatMap((name) =>
    ['cognito-idp', 'issuer-cognito-idp'].map(
      (service) => `https://${service}.${name}.${domainOf(name)}/${pool}`,
    ),
  )
}

function toRegion(region: string, option: string): string {
  const expected = "a region of AWS, for example 'eu-west-1'"
  return matching(region, /^[a-z]{2,5}(?:-[a-z]+)+-\d+$/, option, expected)
}

/** Domains of the partitions of AWS that are not under `amazonaws.com`, by the start of a region. */
const domains: readonly (readonly [start: string, domain: string])[] = [
  ['cn-', 'amazonaws.com.cn'],
  ['eusc-', 'amazonaws.eu'],
  ['us-iso-', 'c2s.ic.gov'],
  ['us-isob-', 'sc2s.sgov.gov'],
  ['us-isof-', 'csp.hci.ic.gov'],
  ['eu-isoe-', 'cloud.adc-e.uk'],
]

function domainOf(region: string): string {
  return domains.find(([start]) => region.startsWith(start))?.[1] ?? 'amazonaws.com'
}

/** A user has a `username`; a service's `sub` is its client. */
function kindOf(claims: Claims): unknown {
  if (asText(claims['username']) !== undefined) return 'user'
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
