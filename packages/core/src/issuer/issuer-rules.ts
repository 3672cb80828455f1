import type { Claims } from '../identity.ts'
import type { KeySource } from '../keys/key-source.ts'
import type { Algorithm } from '../token/algorithm.ts'
import type { VerificationKey } from '../token/verify-signature.ts'
import type { ClaimMap } from './caller-facts.ts'
import type { ReadKind } from './kind.ts'
import type { StandardSchema } from './standard-schema.ts'

/**
 * Which `typ` headers are accepted: `at+jwt` alone (RFC 9068 section 4), or, for issuers that do
 * not write it, also `JWT` and none. Markers of other token kinds are refused either way.
 */
export type TokenType = 'at+jwt' | 'compatible'

/** Rules for the claims of a token, signed or introspected. */
export interface ClaimRules<C> {
  readonly audiences: readonly string[] | undefined
  readonly clients: readonly string[] | undefined
  readonly scopes: readonly string[]
  /** For each claim the values of which it must hold one. */
  readonly requiredClaims: ReadonlyMap<string, readonly (string | boolean)[]>
  /** Whether a `nonce` is accepted, although it is the mark of an ID token. */
  readonly acceptNonce: boolean
  /** Whether tokens that show a sign-in are accepted, ID tokens among them. */
  readonly acceptIdTokens: boolean
  /** Seconds; infinite when the operator said so. */
  readonly maxLifetimeSeconds: number
  /** Longest life of tokens without `iat`; absent where they are refused. */
  readonly longestLifeSeconds: number | undefined
  readonly vouchesForEmail: boolean
  readonly skewSeconds: number
  readonly claimMap: Required<ClaimMap>
  readonly kind: ReadKind
  readonly schema: StandardSchema<C> | undefined
}

/** Rules for the signature of a token. */
export interface SignatureRules {
  readonly issuers: readonly string[]
  readonly algorithms: readonly Algorithm[]
  readonly keys: KeySource
  readonly keyIdRequired: boolean
  /** How many keys may be tried for a token that names none. */
  readonly maxKeysTried: number
  /** The keys that signed the claims of earlier requests, so that no signature is verified twice. */
  readonly signedBy: WeakMap<Claims, VerificationKey>
}

/** The rules of an issuer of signed access tokens, after defaults were applied. */
export interface IssuerRules<C> extends ClaimRules<C>, SignatureRules {
  readonly tokenType: TokenType
  readonly maxTokenBytes: number
  /** Whether `jku`, `x5u` and `x5c` are ignored; otherwise they refuse a token. */
  readonly ignoresKeyHeaders: boolean
}
