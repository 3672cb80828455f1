import { firstOf } from './claims.ts'
import type { Context } from './context.ts'
import { IdentityError } from './errors.ts'
import type { Claims } from './identity.ts'
import type { ClaimMap, IssuerRules, TokenType } from './issuer-rules.ts'
import type { KeySource } from './keys/key-source.ts'
import { discoveredKeys, jwksKeys, type RemoteKeysOptions } from './keys/remote-keys.ts'
import { staticKeys } from './keys/static-keys.ts'
import { type OneOrMore, requiredList, toList } from './one-or-more.ts'
import type { StandardSchema } from './standard-schema.ts'
import { type Algorithm, isAlgorithm } from './token/algorithm.ts'
import type { ParsedToken } from './token/parse-token.ts'
import { type VerifiedToken, verifyToken } from './verify-token.ts'

/** `'discovery'`, a JWKS URL, a given key set, or a source of your own. */
export type Keys =
  | 'discovery'
  | { readonly jwksUri: string }
  | { readonly jwks: { readonly keys: readonly unknown[] } }
  | KeySource

export interface IssuerOptions<C = Claims> extends RemoteKeysOptions {
  /** Exact `iss` values; nothing is normalized. */
  readonly issuer: OneOrMore<string>
  /**
   * Audiences of which a token must name one, exactly. `null` is for issuers whose access tokens
   * have no `aud`: then `clients` is required.
   */
  readonly audience: OneOrMore<string> | null
  /** Clients whose tokens are accepted. Default: any client of this issuer. */
  readonly clients?: OneOrMore<string>
  /** Scopes that every token must carry. Default: none. */
  readonly scopes?: OneOrMore<string>
  /** Default: `['RS256']`. */
  readonly algorithms?: readonly Algorithm[]
  /** Default: `'discovery'` on the first `issuer`. */
  readonly keys?: Keys
  /** Default: `'at+jwt'`. */
  readonly tokenType?: TokenType
  /** Whether a token must name its key. Default: `'required'`. */
  readonly keyId?: 'required' | 'optional'
  /** Further claims that must hold exactly these values, for example `{ token_use: 'access' }`. */
  readonly requiredClaims?: Readonly<Record<string, string>>
  /** Longest accepted time until `exp`, in seconds; `null` for no limit. Default 86400. */
  readonly maxLifetimeSeconds?: number | null
  /** Tolerated difference between clocks, 0 to 60 seconds. Default 30. */
  readonly clockSkewSeconds?: number
  readonly claimMap?: ClaimMap
  /** Schema for custom claims (zod or any Standard Schema): types `identity.claims`. */
  readonly claims?: StandardSchema<C>
}

/** Who signs tokens, and the rules its tokens have to keep. Made by {@link issuer}. */
export interface Issuer<C = Claims> {
  readonly issuers: readonly string[]
  readonly clients: readonly string[] | undefined
  readonly scopes: readonly string[]
  /**
   * Verifies a parsed token by every rule of this issuer.
   *
   * @throws IdentityError `TOK`, `SCOPE`, `DOWN`
   */
  verify(token: ParsedToken, context: Context): Promise<VerifiedToken<C>>
  /** @throws IdentityError `DOWN` when its keys cannot be loaded */
  ready(context: Context): Promise<void>
}

/**
 * Describes an OAuth or OpenID Connect issuer.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function issuer<C = Claims>(options: IssuerOptions<C>): Issuer<C> {
  const rules = toRules(options)
  const [name = ''] = rules.issuers
  return Object.freeze({
    issuers: rules.issuers,
    clients: rules.clients,
    scopes: rules.scopes,
    verify: (token: ParsedToken, context: Context) => verifyToken(token, rules, context),
    ready: (context: Context) =>
      rules.keys.ready((event) => context.report({ ...event, issuer: name })),
  })
}

function toRules<C>(options: IssuerOptions<C>): IssuerRules<C> {
  const issuers = requiredList(options.issuer, 'issuer')
  const clients = toList(options.clients, 'clients')
  return {
    issuers,
    audiences: toAudiences(options, clients),
    clients,
    scopes: toList(options.scopes, 'scopes') ?? [],
    algorithms: toAlgorithms(options.algorithms ?? ['RS256']),
    keys: toKeySource(options, issuers[0] as string),
    tokenType: options.tokenType ?? 'at+jwt',
    keyIdRequired: options.keyId !== 'optional',
    requiredClaims: new Map(Object.entries(options.requiredClaims ?? {})),
    maxLifetimeSeconds: toLifetime(options.maxLifetimeSeconds),
    skewSeconds: toSkew(options.clockSkewSeconds ?? 30),
    claimMap: { ...defaultClaimMap, ...options.claimMap },
    schema: options.claims,
  }
}

const defaultClaimMap: Required<ClaimMap> = {
  subject: 'sub',
  client: agreeing('client_id', 'azp', 'client_ambiguous'),
  organization: (claims) => claims['org_id'] && { id: claims['org_id'], name: claims['org_name'] },
  roles: 'roles',
  scopes: (claims) =>
    'scope' in claims && 'scp' in claims ? bothScopes(claims) : firstOf('scope', 'scp')(claims),
  kind: () => 'user',
}

function agreeing(first: string, second: string, reason: string): (claims: Claims) => unknown {
  return (claims) => {
    const [a, b] = [claims[first], claims[second]]
    if (a !== undefined && b !== undefined && a !== b) throw new IdentityError('TOK', { reason })
    return a ?? b
  }
}

function bothScopes(claims: Claims): unknown {
  const [scope, scp] = [claims['scope'], claims['scp']].map((value) =>
    Array.isArray(value) ? value.join(' ') : value,
  )
  return scope === scp ? scope : undefined
}

function toAudiences(
  options: IssuerOptions<unknown>,
  clients: readonly string[] | undefined,
): readonly string[] | undefined {
  if (options.audience !== null) return requiredList(options.audience, 'audience')
  if (clients !== undefined) return undefined
  throw new TypeError('audience: null needs clients, or any token of the issuer would do')
}

function toAlgorithms(algorithms: readonly Algorithm[]): readonly Algorithm[] {
  if (algorithms.length > 0 && algorithms.every(isAlgorithm)) return [...algorithms]
  throw new TypeError('algorithms must name asymmetric signature algorithms')
}

function toLifetime(seconds: number | null | undefined): number {
  if (seconds === null) return Number.POSITIVE_INFINITY
  if (seconds === undefined) return 86_400
  if (Number.isFinite(seconds) && seconds > 0) return seconds
  throw new TypeError('maxLifetimeSeconds must be positive, or null')
}

function toSkew(seconds: number): number {
  if (seconds >= 0 && seconds <= 60) return seconds
  throw new TypeError('clockSkewSeconds must be from 0 to 60')
}

function toKeySource(options: IssuerOptions<unknown>, firstIssuer: string): KeySource {
  const keys = options.keys ?? 'discovery'
  if (keys === 'discovery') return discoveredKeys(firstIssuer, options)
  if ('jwksUri' in keys) return jwksKeys(keys.jwksUri, options)
  return 'jwks' in keys ? staticKeys(keys.jwks) : keys
}
