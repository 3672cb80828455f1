import { type CryptoKey, importJWK, type JWK } from 'jose'
import type { Algorithm } from '../algorithm.ts'
import type { ImportKey } from './engine.ts'

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
