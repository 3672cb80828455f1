import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWK,
} from 'jose'
import {
  type ForgedAlgorithm,
  type SigningAlgorithm,
  type SigningKey,
  signJws,
} from './sign-jws.ts'

/** Options of {@link createTokenMinter}. */
export interface TokenMinterOptions {
  /** `iss` of the tokens. Default `https://issuer.example.com`. */
  readonly issuer?: string
  /** Signature algorithm. Default `RS256`. */
  readonly alg?: SigningAlgorithm
  /** `kid` of the key. Default its RFC 7638 thumbprint. */
  readonly kid?: string
  /** Private key as JWK. Default a new key of `alg`. */
  readonly key?: JWK
  /** Seconds since 1970, for `iat` and `exp`. Default the system clock. */
  readonly clock?: () => number
}

/** How one token departs from a sound RFC 9068 access token. */
export interface MintOptions {
  /** Members over `{ alg, kid, typ: 'at+jwt' }`. `undefined` removes one, anything else is written as is. */
  readonly header?: Readonly<Record<string, unknown>>
  /** Seconds until `exp`. Negative: expired already. `null`: no `exp`. Default 300. */
  readonly expiresInSeconds?: number | null
  /** Algorithm of the signature. `none` leaves it empty, `HS*` needs `key`. Default the minter's. */
  readonly alg?: SigningAlgorithm | ForgedAlgorithm
  /** Key of the signature: another party's, or a secret. Default the minter's. */
  readonly key?: SigningKey
}

/** An issuer reduced to its key: signs whatever it is asked to. */
export interface TokenMinter {
  readonly issuer: string
  readonly alg: SigningAlgorithm
  readonly kid: string
  /** The public key, to be given to a verifier. */
  readonly jwks: JSONWebKeySet
  readonly privateJwk: JWK
  /**
   * Signs `claims` over `{ iss, iat, exp, jti }`. A claim that is `undefined` is left out. Nothing is
   * checked: hostile and senseless tokens are what this is for.
   */
  mint(claims?: Readonly<Record<string, unknown>>, options?: MintOptions): Promise<string>
}

/** A token and what a verifier has to know to judge it. */
export interface MintedToken {
  readonly token: string
  readonly issuer: string
  readonly jwks: JSONWebKeySet
}

const DEFAULT_LIFETIME_SECONDS = 300

const minterOptionNames: OptionNames<TokenMinterOptions> = {
  issuer: true,
  alg: true,
  kid: true,
  key: true,
  clock: true,
}

const mintOptionNames: OptionNames<MintOptions> = {
  header: true,
  expiresInSeconds: true,
  alg: true,
  key: true,
}

/**
 * Makes a key and signs tests' tokens with it: sound access tokens (RFC 9068 section 2) by default,
 * any departure on demand.
 *
 * @example
 * const minter = await createTokenMinter({ issuer: 'https://issuer.example.com' })
 * const token = await minter.mint({ sub: 'ada', aud: 'https://mcp.example.com/mcp' })
 * const expired = await minter.mint({ sub: 'ada' }, { expiresInSeconds: -1 })
 */
export async function createTokenMinter(options: TokenMinterOptions = {}): Promise<TokenMinter> {
  assertOptions('createTokenMinter', options, minterOptionNames)
  const { issuer = 'https://issuer.example.com', alg = 'RS256', clock = systemClock } = options
  const privateJwk = options.key ?? (await generatePrivateJwk(alg))
  const key = createPrivateKey({ key: { ...privateJwk }, format: 'jwk' })
  const publicJwk = publicJwkOf(key)
  const kid = options.kid ?? (await calculateJwkThumbprint(publicJwk))
  return {
    issuer,
    alg,
    kid,
    jwks: { keys: [{ ...publicJwk, kid, alg, use: 'sig' }] },
    privateJwk: { ...privateJwk, kid, alg, use: 'sig' },
    mint: async (claims = {}, mintOptions = {}) => {
      assertOptions('mint', mintOptions, mintOptionNames)
      const signedWith = mintOptions.alg ?? alg
      const header = { alg: signedWith, kid, typ: 'at+jwt', ...mintOptions.header }
      const payload = {
        iss: issuer,
        ...timesFrom(clock(), mintOptions),
        jti: randomUUID(),
        ...claims,
      }
      return signJws(header, payload, signedWith, mintOptions.key ?? key)
    },
  }
}

/** Options of {@link mintToken}: the key of the issuer, and how the token departs from a sound one. */
export interface MintTokenOptions
  extends TokenMinterOptions,
    Pick<MintOptions, 'header' | 'expiresInSeconds'> {}

/**
 * One token of its own issuer. Without `key`, no two tokens share a key: to a verifier that trusts
 * another issuer, this is a stranger's signature. For many tokens of one issuer, and for forged
 * signatures, use {@link createTokenMinter}.
 *
 * @example
 * const { token, issuer, jwks } = await mintToken({ sub: 'ada', aud: 'https://mcp.example.com/mcp' })
 */
export async function mintToken(
  claims: Readonly<Record<string, unknown>> = {},
  options: MintTokenOptions = {},
): Promise<MintedToken> {
  const { header = {}, expiresInSeconds = DEFAULT_LIFETIME_SECONDS, ...minterOptions } = options
  const minter = await createTokenMinter(minterOptions)
  const token = await minter.mint(claims, { header, expiresInSeconds })
  return { token, issuer: minter.issuer, jwks: minter.jwks }
}

function timesFrom(now: number, options: MintOptions): { iat: number; exp: number | undefined } {
  const { expiresInSeconds = DEFAULT_LIFETIME_SECONDS } = options
  return { iat: now, exp: expiresInSeconds === null ? undefined : now + expiresInSeconds }
}

async function generatePrivateJwk(alg: SigningAlgorithm): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return exportJWK(privateKey)
}

function publicJwkOf(key: KeyObject): JWK {
  return createPublicKey(key).export({ format: 'jwk' }) as JWK
}

function systemClock(): number {
  return Math.floor(Date.now() / 1000)
}
