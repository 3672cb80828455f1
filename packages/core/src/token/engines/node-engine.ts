import type { JsonWebKey, KeyObject, VerifyKeyObjectInput } from 'node:crypto'
import type { Algorithm } from '../algorithm.ts'
import type { ImportKey } from './web-engine.ts'

type NodeCrypto = typeof import('node:crypto')

interface Way {
  readonly digest: string | undefined
  readonly type: string
  /** Named curve of OpenSSL. */
  readonly curve?: string
  /** Bytes of the salt, of probabilistic signatures. */
  readonly saltLength?: number
}

const ways: Readonly<Record<Algorithm, Way>> = {
  RS256: { digest: 'sha256', type: 'rsa' },
  RS384: { digest: 'sha384', type: 'rsa' },
  RS512: { digest: 'sha512', type: 'rsa' },
  PS256: { digest: 'sha256', type: 'rsa', saltLength: 32 },
  PS384: { digest: 'sha384', type: 'rsa', saltLength: 48 },
  PS512: { digest: 'sha512', type: 'rsa', saltLength: 64 },
  ES256: { digest: 'sha256', type: 'ec', curve: 'prime256v1' },
  ES384: { digest: 'sha384', type: 'ec', curve: 'secp384r1' },
  ES512: { digest: 'sha512', type: 'ec', curve: 'secp521r1' },
  EdDSA: { digest: undefined, type: 'ed25519' },
  Ed25519: { digest: undefined, type: 'ed25519' },
}

/** Keys as `KeyObject`s, and one call of OpenSSL for each signature, on the thread of the caller. */
export function createNodeEngine(crypto: NodeCrypto): ImportKey {
  return (jwk, algorithm) => {
    const way = ways[algorithm]
    const key = crypto.createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
    if (!fits(key, way)) throw new TypeError('The key is of another type')
    const input = toInput(crypto, key, way)
    return (signed, signature) => {
      try {
        return crypto.verify(way.digest, signed, input, signature) === true
      } catch {
        // OpenSSL reports a bad signature in more than one way; all of them mean "not signed".
        return false
      }
    }
  }
}

function fits(key: KeyObject, { type, curve }: Way): boolean {
  const { asymmetricKeyType, asymmetricKeyDetails } = key
  return asymmetricKeyType === type && asymmetricKeyDetails?.namedCurve === curve
}

function toInput(
  { constants }: NodeCrypto,
  key: KeyObject,
  { type, saltLength }: Way,
): KeyObject | VerifyKeyObjectInput {
  // RFC 7518 section 3.4: both numbers side by side, of fixed length.
  if (type === 'ec') return { key, dsaEncoding: 'ieee-p1363' }
  if (saltLength === undefined) return key
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
}
