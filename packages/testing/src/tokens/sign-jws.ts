import { constants, createHmac, createPrivateKey, type KeyObject, sign } from 'node:crypto'

/** Signature algorithms an issuer uses (RFC 7518 section 3.1, RFC 8037 section 3.1). */
export type SigningAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'

/** Algorithms of forged tokens: nothing signed at all, or a public key used as a shared secret. */
export type ForgedAlgorithm = 'none' | 'HS256' | 'HS384' | 'HS512'

/** A private key, or for `HS*` a secret. A string or bytes are PEM, except for `HS*`. */
export type SigningKey = KeyObject | string | Uint8Array

/**
 * JWS compact serialization (RFC 7515 section 3.1) of any header over any payload. The header's `alg`
 * is written as given, even when it is not the algorithm of the signature.
 */
export function signJws(
  header: object,
  payload: object,
  alg: SigningAlgorithm | ForgedAlgorithm,
  key: SigningKey,
): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createSignature(input, alg, key)}`
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function createSignature(
  input: string,
  alg: SigningAlgorithm | ForgedAlgorithm,
  key: SigningKey,
): string {
  if (alg === 'none') return ''
  const digest = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`
  if (alg.startsWith('HS')) return createHmac(`${digest}`, key).update(input).digest('base64url')
  const options = { ...signOptions(alg), key: privateKey(key) }
  return sign(digest, Buffer.from(input), options).toString('base64url')
}

function privateKey(key: SigningKey): KeyObject {
  if (typeof key === 'string') return createPrivateKey(key)
  return key instanceof Uint8Array ? createPrivateKey(Buffer.from(key)) : key
}

function signOptions(alg: string): object {
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants
  return alg.startsWith('PS') ? { padding, saltLength } : { dsaEncoding: 'ieee-p1363' }
}
