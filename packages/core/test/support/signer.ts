import type { Algorithm } from '@onbehalf/core'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose'

/** A key of an issuer, or of somebody who would like to be one. */
export interface Signer {
  readonly algorithm: Algorithm
  /** The public key as a member of a key set. */
  readonly jwk: JWK
  readonly jwks: { readonly keys: readonly JWK[] }
  /** Signs claims as an access token. A member that is `undefined` is left out. */
  sign(claims: object, header?: object): Promise<string>
  /** Signs any header and payload, byte by byte as they are. */
  signRaw(header: string, payload: string | Uint8Array): Promise<string>
}

export async function createSigner(keyId = 'k1', algorithm: Algorithm = 'ES256'): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: keyId, alg: algorithm }

  async function signRaw(header: string, payload: string | Uint8Array): Promise<string> {
    const input = `${encode(header)}.${encode(payload)}`
    return `${input}.${encode(await signBytes(privateKey, Buffer.from(input)))}`
  }

  return {
    algorithm,
    jwk,
    jwks: { keys: [jwk] },
    signRaw,
    sign: (claims, header = {}) =>
      signRaw(
        JSON.stringify({ alg: algorithm, kid: keyId, typ: 'at+jwt', ...header }),
        JSON.stringify(claims),
      ),
  }
}

/** Base64url without padding. */
export function encode(content: string | Uint8Array): string {
  return Buffer.from(content as string).toString('base64url')
}

/** A token that nobody signed. */
export function unsigned(header: string | object, payload: string | Uint8Array | object): string {
  const text = typeof header === 'string' ? header : JSON.stringify(header)
  const raw = typeof payload === 'string' || payload instanceof Uint8Array
  return `${encode(text)}.${encode(raw ? payload : JSON.stringify(payload))}.c2ln`
}

async function signBytes(key: CryptoKey, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const { name } = key.algorithm
  // The hash of ECDSA follows the curve (RFC 7518 section 3.4).
  const hash = { 'P-256': 'SHA-256', 'P-384': 'SHA-384', 'P-521': 'SHA-512' }
  const { namedCurve = 'P-256' } = key.algorithm as { namedCurve?: keyof typeof hash }
  const parameters = { name, hash: hash[namedCurve], saltLength: 32 }
  return new Uint8Array(await crypto.subtle.sign(parameters, key as never, bytes))
}
