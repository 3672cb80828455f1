import type { Claims } from '../identity.ts'
import { assertDefined, type OneOrMore, requiredList, toList } from '../internal/options.ts'
import { type ClaimMap, toClaimMap } from './caller-facts.ts'
import type { ClaimRules } from './issuer-rules.ts'
import { type KindRule, toReadKind } from './kind.ts'
import type { StandardSchema } from './standard-schema.ts'

/** Values that claims must hold, by the name of the claim. */
export type RequiredClaims = Readonly<Record<string, string | boolean | readonly string[]>>

/** What the claims of a token have to hold, whichever party vouches for them. */
export interface ClaimOptions<C = Claims> {
  /**
   * Audiences of which a token must name one, exactly. `null` is for issuers whose access tokens
   * have no `aud`: then `clients` is required.
   */
  readonly audience: OneOrMore<string> | null
  /**
   * With `audience: null` and without `clients`: every token of this issuer is accepted, whichever
   * server it was meant for. Anyone who runs one of them can use the tokens that it gets here. Default:
   * `false`.
   */
  readonly acceptTokensForOtherServers?: boolean
  /** How tokens of users and of services differ. There is no default: it is never guessed. */
  readonly kind: KindRule
  /** Clients whose tokens are accepted. Default: any client of this issuer. */
  readonly clients?: OneOrMore<string>
  /** Scopes that every token must carry. Default: none. */
  readonly scopes?: OneOrMore<string>
  /**
   * Further claims that must hold exactly these values, for example `{ email_verified: true }`. Of a
   * list of values, any one will do.
   */
  readonly requiredClaims?: RequiredClaims
  /** Longest accepted time until `exp`, in seconds; `null` for no limit. Default 86400. */
  readonly maxLifetimeSeconds?: number | null
  /**
   * Accepts tokens that do not say when they were issued (`iat`). A revocation of a subject covers
   * all of them, for as long as the longest of them lives: state that in seconds. Default: they are
   * refused (RFC 9068 section 2.2 requires `iat`).
   */
  readonly acceptMissingIat?: { readonly longestLifeSeconds: number }
  /**
   * Whether every `email` of this issuer is verified where a token does not say (`email_verified`).
   * Default: such an address is removed, and reported.
   */
  readonly vouchesForEmail?: boolean
  /**
   * Tolerated difference between clocks, 0 to 600 seconds. Default 30. Above 60 this gives up
   * punctual expiry: only for an issuer whose clock is known to be off by that much.
   */
  readonly clockSkewSeconds?: number
  /**
   * Accepts access tokens with a `nonce` (Azure AD B2C and others write it). ID tokens are
   * no longer recognized by it, so `audience` must not be a client's id. Default: `false`.
   */
  readonly acceptNonce?: boolean
  /**
   * Accepts ID tokens and session tokens as well, for issuers that give nothing else (Firebase). Who
   * signs in to any application that `audience` names can call. Default: `false`.
   */
  readonly acceptIdTokens?: boolean
  readonly claimMap?: ClaimMap
  /** Schema for custom claims (zod or any Standard Schema): types `identity.claims`. */
  readonly schema?: StandardSchema<C>
}

/**
 * Applies the defaults.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function toClaimRules<C>(options: ClaimOptions<C>): ClaimRules<C> {
  const clients = toList(options.clients, 'clients')
  const audiences = toAudiences(options, clients)
  assertDefined(options, ['clients', 'scopes', 'requiredClaims'])
  return {
    audiences,
    clients,
    scopes: toList(options.scopes, 'scopes') ?? [],
    requiredClaims: toRequiredClaims(options.requiredClaims ?? {}),
    maxLifetimeSeconds: toLifetime(options.maxLifetimeSeconds),
    longestLifeSeconds: toLongestLife(options.acceptMissingIat),
    vouchesForEmail: toSwitch(options.vouchesForEmail, 'vouchesForEmail'),
    skewSeconds: toSkew(options.clockSkewSeconds ?? 30),
    acceptNonce: toSwitch(options.acceptNonce, 'acceptNonce'),
    acceptIdTokens: toSwitch(options.acceptIdTokens, 'acceptIdTokens'),
    claimMap: toClaimMap(options.claimMap ?? {}),
    kind: toReadKind(options.kind),
    schema: toSchema(options.schema),
  }
}

function toRequiredClaims(claims: RequiredClaims): ClaimRules<unknown>['requiredClaims'] {
  if (typeof claims !== 'object') throw notRequirements()
  return new Map(Object.entries(claims).map(([name, value]) => [name, toAllowedValues(value)]))
}

function toAllowedValues(value: unknown): readonly (string | boolean)[] {
  if (typeof value === 'string' || typeof value === 'boolean') return [value]
  const isList = Array.isArray(value) && value.length > 0
  if (isList && value.every((item) => typeof item === 'string')) return [...value]
  throw notRequirements()
}

function notRequirements(): TypeError {
  return new TypeError('requiredClaims must hold strings, lists of strings, true or false')
}

/**
 * Reads an option that gives up a check.
 *
 * @throws TypeError for anything but `true`, `false` and none
 */
export function toSwitch(value: boolean | undefined, option: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value === true
  throw new TypeError(`${option} must be true or false`)
}

/** @throws TypeError when a schema is given that is none */
export function toSchema<C>(schema: StandardSchema<C> | undefined): StandardSchema<C> | undefined {
  if (schema === undefined || typeof schema?.['~standard']?.validate === 'function') return schema
  throw new TypeError('schema must be a Standard Schema')
}

function toAudiences(
  options: ClaimOptions<unknown>,
  clients: readonly string[] | undefined,
): readonly string[] | undefined {
  const forOthers = toSwitch(options.acceptTokensForOtherServers, 'acceptTokensForOtherServers')
  if (options.audience !== null) {
    if (forOthers) throw new TypeError('acceptTokensForOtherServers needs audience: null')
    return requiredList(options.audience, 'audience')
  }
  if (clients !== undefined || forOthers) return undefined
  throw new TypeError('audience: null needs clients, or any token of the issuer would do')
}

function toLifetime(seconds: number | null | undefined): number {
  if (seconds === null) return Number.POSITIVE_INFINITY
  if (seconds === undefined) return 86_400
  if (Number.isFinite(seconds) && seconds > 0) return seconds
  throw new TypeError('maxLifetimeSeconds must be positive, or null')
}

function toLongestLife(accepted: ClaimOptions['acceptMissingIat']): number | undefined {
  if (accepted === undefined) return undefined
  const { longestLifeSeconds: seconds } = Object(accepted) as NonNullable<typeof accepted>
  if (Number.isFinite(seconds) && seconds > 0) return seconds
  throw new TypeError('acceptMissingIat.longestLifeSeconds must be positive')
}

const usualSkewSeconds = 60

/** How long a token may be accepted from now on, with the skew that goes beyond the usual one. */
export function longestLife(rules: ClaimRules<unknown>): number {
  const { maxLifetimeSeconds, longestLifeSeconds = 0, skewSeconds } = rules
  // A token counts from an `iat` one skew ahead to one skew behind its `exp`, with one for both.
  const beyond = 3 * Math.max(0, skewSeconds - usualSkewSeconds)
  return Math.max(maxLifetimeSeconds, longestLifeSeconds) + beyond
}

function toSkew(seconds: number): number {
  if (Number.isFinite(seconds) && seconds >= 0 && seconds <= 600) return seconds
  throw new TypeError('clockSkewSeconds must be from 0 to 600')
}
