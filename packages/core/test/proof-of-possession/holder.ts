import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto'
import type { Algorithm } from '@onbehalf/core'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { now, resource } from '../support/world.ts'

type Members = Readonly<Record<string, unknown>>

/** How one proof departs from a sound one. `undefined` removes a member. */
export interface ProofChanges {
  readonly header?: Members
  readonly claims?: Members
}

/** A client that holds a key. */
export interface Holder {
  readonly jkt: string
  readonly jwk: JWK
  readonly privateJwk: JWK
  /** A proof for one call with this token (RFC 9449 section 4.2). */
  proof(token: string, changes?: ProofChanges): string
}

export interface HolderOptions {
  readonly algorithm?: Algorithm
  readonly modulusLength?: number
  readonly publicExponent?: number
}

export async function createHolder(options: HolderOptions = {}): Promise<Holder> {
  const { algorithm = 'ES256' } = options
  const { privateKey } = generate(algorithm, options)
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' }) as JWK
  return {
    jwk,
    privateJwk: privateKey.export({ format: 'jwk' }) as JWK,
    jkt: await calculateJwkThumbprint(jwk),
    proof(token, { header, claims } = {}) {
      const input = [
        encode({ typ: 'dpop+jwt', alg: algorithm, jwk, ...header }),
        encode({
          jti: randomUUID(),
          htm: 'POST',
          htu: resource,
          iat: now,
          ath: createHash('sha256').update(token).digest('base64url'),
          ...claims,
        }),
      ].join('.')
      return `${input}.${signWith(privateKey, algorithm, input)}`
    },
  }
}

/** The two headers of a DPoP call. */
export function dpopHeaders(
  token: string,
  proof: string,
): { readonly authorization: string; readonly dpop: string } {
  return { authorization: `DPoP ${token}`, dpop: proof }
}

function encode(members: Members): string {
  return Buffer.from(JSON.stringify(members)).toString('base64url')
}

function signWith(key: KeyObject, algorithm: Algorithm, input: string): string {
  const hash = algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`
  const options = algorithm.startsWith('ES') ? { dsaEncoding: 'ieee-p1363' as const } : {}
  return sign(hash, Buffer.from(input), { key, ...options }).toString('base64url')
}

function generate(algorithm: Algorithm, options: HolderOptions): { privateKey: KeyObject } {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519')
  if (algorithm.startsWith('ES')) {
    return generateKeyPairSync('ec', { namedCurve: algorithm === 'ES384' ? 'P-384' : 'P-256' })
  }
  const { modulusLength = 2048, publicExponent = 0x10001 } = options
  return generateKeyPairSync('rsa', { modulusLength, publicExponent })
}
