import type { Context } from '../context.ts'
import type { Credential } from '../credentials/credentials.ts'
import type { Claims } from '../identity.ts'
import {
  assertOptions,
  type OneOrMore,
  type OptionNames,
  requiredList,
} from '../internal/options.ts'
import type { Awaitable } from '../internal/promises.ts'
import { toHttpHosts } from '../internal/safe-url.ts'
import { isRecord } from '../internal/values.ts'
import { staticKeys } from '../keys/key-set.ts'
import type { KeySource } from '../keys/key-source.ts'
import { discoveredKeys, jwksKeys, type RemoteKeysOptions } from '../keys/remote-keys.ts'
import { type Algorithm, toAlgorithms } from '../token/algorithm.ts'
import type { ParsedToken } from '../token/parse-token.ts'
import { asRepeatable } from '../verdicts/conditions.ts'
import { toServers } from './authorization-servers.ts'
import { type ClaimOptions, longestLife, toClaimRules, toSwitch } from './claim-options.ts'
import type { IssuerRules, TokenType } from './issuer-rules.ts'
import type { VerifiedToken } from './verified-token.ts'
import { checkSignature, verifyToken } from './verify-token.ts'

/** `'discovery'`, a JWKS URL, a given key set, or your own source. */
export type Keys =
  | 'discovery'
  | { readonly jwksUri: string }
  | { readonly jwks: { readonly keys: readonly unknown[] } }
  | KeySource

export interface IssuerOptions<C = Claims> extends ClaimOptions<C>, RemoteKeysOptions {
  /** Exact `iss` values; nothing is normalized. */
  readonly iss: OneOrMore<string>
  /** Default: `['RS256']`. */
  readonly algorithms?: readonly Algorithm[]
  /** Default: `'discovery'` on the first `issuer`. */
  readonly keys?: Keys
  /** Default: `'at+jwt'`. */
  readonly tokenType?: TokenType
  /** Whether a token must name its key. Default: `'required'`. */
  readonly keyId?: 'required' | 'optional'
  /**
   * How many keys may be tried for a token that names none, 1 to 100. Default 4. More let anyone make
   * this server verify that many signatures for one forged token.
   */
  readonly maxKeysTried?: number
  /** Longest token, 16384 (default) to 65536 bytes. Node's own limit for all headers is 16 KiB. */
  readonly maxTokenBytes?: number
  /**
   * Accepts tokens with `jku`, `x5u` or `x5c` in their header (SAP and Cloud Foundry write them). They
   * are ignored and never fetched: only `keys` verify. Default: `false`, such tokens are refused.
   */
  readonly ignoreKeyHeaders?: boolean
  /**
   * Where clients get tokens, published in the resource's metadata (RFC 9728). Default: the first
   * `iss`, if it is a URL.
   */
  readonly authorizationServers?: OneOrMore<string>
}

/** Who vouches for tokens, and the rules its tokens have to keep. */
export interface Issuer<C = Claims> {
  readonly issuers: readonly string[]
  /** Audiences of which a token must name one; absent where clients replace them. */
  readonly audiences: readonly string[] | undefined
  readonly clients: readonly string[] | undefined
  readonly scopes: readonly string[]
  /** Longest life of a token, in seconds; infinite without a limit. Revocations last as long. */
  readonly maxLifetimeSeconds: number
  /** Whether this issuer reads tokens that cannot be parsed as a JWT. */
  readonly opaque: boolean
  /** Where clients get tokens, as URLs. Default: the first of {@link issuers}, if it is a URL. */
  readonly authorizationServers?: readonly string[]
  /** Longest token that it accepts, in bytes. Default 16384. */
  readonly maxTokenBytes?: number
  /** Hosts that it asks over `http`: the authenticator reports them at start. Default: none. */
  readonly insecureHttpHosts?: readonly string[]
  /** Whether it accepts tokens whose header names or brings a key. Default: `false`. */
  readonly ignoresKeyHeaders?: boolean
  /** Present where several issuers are found at run time; {@link issuers} is empty then. */
  readonly family?: IssuerFamily
  /** Whether a credential says (so far without proof) that it comes from this issuer. */
  recognizes(credential: Credential): boolean
  /**
   * Verifies a token by every rule of this issuer.
   *
   * @throws IdentityError `TOK`, `SCOPE`, `DOWN`
   */
  verify(credential: Credential, context: Context): Promise<VerifiedToken<C>>
  /** @throws IdentityError `DOWN` when what it needs to verify is out of reach */
  ready(report: Context['report']): Promise<void>
}

/** An issuer of which others are found at run time. */
export interface IssuerFamily {
  /**
   * The member with this exact name, if it is on the list.
   *
   * @throws IdentityError `DOWN` when the list does not answer
   */
  find(iss: string): Awaitable<Issuer<unknown> | undefined>
  /** The first name of a member, by which its identities are known, of those that are held. */
  nameOf(iss: string): string | undefined
}

/** An issuer that signs its tokens. Made by {@link issuer} and the presets. */
export interface SigningIssuer<C = Claims> extends Issuer<C> {
  /**
   * Checks the signature alone: for tokens that are not access tokens.
   *
   * @returns the exact `iss`
   * @throws IdentityError `TOK`, `DOWN`
   */
  checkSignature(token: ParsedToken, context: Context): Promise<string>
}

export const issuerOptionNames: OptionNames<IssuerOptions> = {
  audience: true,
  kind: true,
  authorizationServers: true,
  acceptIdTokens: true,
  acceptNonce: true,
  acceptTokensForOtherServers: true,
  ignoreKeyHeaders: true,
  insecureHttpHosts: true,
  maxKeysTried: true,
  maxTokenBytes: true,
  clients: true,
  scopes: true,
  requiredClaims: true,
  maxLifetimeSeconds: true,
  acceptMissingIat: true,
  vouchesForEmail: true,
  clockSkewSeconds: true,
  claimMap: true,
  schema: true,
  fetch: true,
  timeoutSeconds: true,
  maxAgeSeconds: true,
  maxStaleSeconds: true,
  monotonic: true,
  random: true,
  iss: true,
  algorithms: true,
  keys: true,
  tokenType: true,
  keyId: true,
}

/**
 * Describes an OAuth or OpenID Connect issuer of signed tokens.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function issuer<C = Claims>(options: IssuerOptions<C>): SigningIssuer<C> {
  const rules = toRules(options)
  assertOptions('issuer', options, issuerOptionNames)
  const [name = ''] = rules.issuers
  const insecureHttpHosts = toHttpHosts(options.insecureHttpHosts)
  return asRepeatable(
    Object.freeze<SigningIssuer<C>>({
      issuers: rules.issuers,
      audiences: rules.audiences,
      clients: rules.clients,
      scopes: rules.scopes,
      maxLifetimeSeconds: longestLife(rules),
      authorizationServers: toServers(options, rules.issuers),
      insecureHttpHosts,
      maxTokenBytes: rules.maxTokenBytes,
      ignoresKeyHeaders: rules.ignoresKeyHeaders,
      opaque: false,
      recognizes: ({ token }) => rules.issuers.includes(token?.claims['iss'] as string),
      verify: (credential, context) => verifyToken(credential, rules, context),
      checkSignature: (token, context) => checkSignature(token, rules, context),
      ready: (report) => rules.keys.ready((event) => report({ ...event, issuer: name })),
    }),
  )
}

function toRules<C>(options: IssuerOptions<C>): IssuerRules<C> {
  const issuers = requiredList(options.iss, 'iss')
  const { algorithms = ['RS256'], tokenType = 'at+jwt', keyId = 'required' } = options
  assertOneOf(tokenType, ['at+jwt', 'compatible'], 'tokenType')
  assertOneOf(keyId, ['required', 'optional'], 'keyId')
  return {
    ...toClaimRules(options),
    issuers,
    algorithms: toAlgorithms(algorithms),
    keys: toKeySource(options, issuers[0] as string),
    tokenType,
    keyIdRequired: keyId === 'required',
    maxKeysTried: toWhole(options.maxKeysTried ?? 4, [1, 100], 'maxKeysTried'),
    maxTokenBytes: toWhole(options.maxTokenBytes ?? 16_384, [16_384, 65_536], 'maxTokenBytes'),
    ignoresKeyHeaders: toSwitch(options.ignoreKeyHeaders, 'ignoreKeyHeaders'),
    signedBy: new WeakMap(),
  }
}

function toWhole(value: number, [least, most]: readonly [number, number], option: string): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new TypeError(`${option} must be a whole number from ${least} to ${most}`)
}

function assertOneOf(value: string, allowed: readonly string[], option: string): void {
  if (allowed.includes(value)) return
  throw new TypeError(`${option} must be ${allowed.map((name) => `'${name}'`).join(' or ')}`)
}

function toKeySource(options: IssuerOptions<unknown>, firstIssuer: string): KeySource {
  const { keys = 'discovery' } = options
  if (keys === 'discovery') return discoveredKeys(firstIssuer, options)
  if (!isKeys(keys)) {
    throw new TypeError("keys must be 'discovery', { jwksUri }, { jwks } or a key source")
  }
  if ('jwksUri' in keys) return jwksKeys(keys.jwksUri, options)
  return 'jwks' in keys ? staticKeys(keys.jwks) : keys
}

function isKeys(keys: unknown): boolean {
  if (!isRecord(keys)) return false
  if ('jwksUri' in keys) return true
  const { jwks, find, ready } = keys as Record<'jwks' | 'find' | 'ready', unknown>
  if ('jwks' in keys) return isRecord(jwks) && Array.isArray(jwks['keys'])
  return typeof find === 'function' && typeof ready === 'function'
}
