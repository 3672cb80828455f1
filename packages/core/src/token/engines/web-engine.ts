import { type CryptoKey, importJWK, type JWK } from 'jose'
import type { Awaitable } from '../../internal/promises.ts'
import type { Algorithm } from '../algorithm.ts'
import type { JsonObject } from '../json-object.ts'

/** Whether a key made a signature over these bytes; false also for bytes that cannot be one. */
export type VerifyBytes = (signed: Uint8Array, signature: Uint8Array) => Awaitable<boolean>

/**
 * A way to verify signatures. It imports a public JWK for one algorithm, and keeps it imported.
 *
 * Throws or rejects when it is not a key of that algorithm, such as a point off its curve.
 */
export type ImportKey = (jwk: JsonObject, algorithm: Algorithm) => Awaitable<VerifyBytes>

interface Parameters {
  readonly name: string
  readonly hash?: string
  readonly saltLength?: number
}

const pss = (saltLength: number): Parameters => ({ name: 'RSA-PSS', saltLength })
const ecdsa = (hash: string): Parameters => ({ name: 'ECDSA', hash })
const rsa: Parameters = { name: 'RSASSA-PKCS1-v1_5' }
const ed25519: Parameters = { name: 'Ed25519' }

const parameters: Readonly<Record<Algorithm, Parameters>> = {
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: pss(32),
  PS384: pss(48),
  PS512: pss(64),
  ES256: ecdsa('SHA-256'),
  ES384: ecdsa('SHA-384'),
  ES512: ecdsa('SHA-512'),
  EdDSA: ed25519,
  Ed25519: ed25519,
}

/** Keys are imported by jose, and verify by WebCrypto: in every runtime. */
export const webEngine: ImportKey = async (jwk, algorithm) => {
  const key = (await importJWK(jwk as JWK, algorithm)) as CryptoKey
  const how = parameters[algorithm]
  return async (signed, signature) => {
    try {
      // Fresh views: types of WebCrypto take no shared memory.
      const copies = [new Uint8Array(signature), new Uint8Array(signed)] as const
      return (await crypto.subtle.verify(how, key, ...copies)) === true
    } catch {
      // WebCrypto reports a bad signature in more than one way; all of them mean "not signed".
      return false
    }
  }
}
