import {
  constants,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import type { Algorithm } from '@onbehalf/core'

/** A key of an issuer, or of somebody who would like to be one. */
export interface SigningKey {
  readonly algorithm: Algorithm
  readonly keyId: string
  readonly privateKey: KeyObject
  /** The public key as a member of a key set. */
  readonly jwk: Readonly<Record<string, unknown>>
}

/** Makes the signature over `header.payload`. */
export type Sign = (input: string) => Buffer

export function createKey(algorithm: Algorithm, keyId = 'k1'): SigningKey {
  const { privateKey } = generate(algorithm)
  return {
    algorithm,
    keyId,
    privateKey,
    jwk: publicJwk(privateKey, { kid: keyId, alg: algorithm }),
  }
}

/** The public half as JWK, with these members beside it. */
export function publicJwk(
  privateKey: KeyObject,
  members: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return { ...createPublicKey(privateKey).export({ format: 'jwk' }), ...members }
}

export function signWith(key: SigningKey, algorithm: Algorithm = key.algorithm): Sign {
  const hash = algorithm.startsWith('Ed') ? null : `sha${algorithm.slice(2)}`
  const options = { key: key.privateKey, ...signatureForm(algorithm) }
  return (input) => sign(hash, Buffer.from(input), options)
}

export function hmacWith(secret: Buffer | string, hash = 'sha256'): Sign {
  return (input) => createHmac(hash, secret).update(input).digest()
}

const noSignature: Sign = () => Buffer.alloc(0)

export { noSignature }

function generate(algorithm: Algorithm): { privateKey: KeyObject } {
  if (algorithm.startsWith('Ed')) return generateKeyPairSync('ed25519')
  if (!algorithm.startsWith('ES')) return generateKeyPairSync('rsa', { modulusLength: 2048 })
  const curves: Record<string, string> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }
  return generateKeyPairSync('ec', { namedCurve: curves[algorithm] as string })
}

function signatureForm(algorithm: Algorithm): object {
  if (algorithm.startsWith('ES')) return { dsaEncoding: 'ieee-p1363' }
  if (!algorithm.startsWith('PS')) return {}
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
}
