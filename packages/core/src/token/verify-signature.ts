import { type CryptoKey, flattenedVerify } from 'jose'
import type { Algorithm } from './algorithm.ts'
import type { CompactToken } from './parse-token.ts'

/** A public key that passed every check, bound to the algorithms it may serve. */
export interface VerificationKey {
  readonly keyId: string | undefined
  readonly algorithms: readonly Algorithm[]
  /** The `issuer` member that some multi-tenant key sets carry. */
  readonly issuer: string | undefined
  forAlgorithm(algorithm: Algorithm): Promise<CryptoKey>
}

/**
 * Looks for the key that signed a token. Each key serves only the algorithms it was bound to when
 * it was loaded; the token cannot choose another one.
 *
 * Does NOT look at claims.
 *
 * @returns the key, or `undefined` when none of them made the signature
 */
export async function verifySignature(
  token: CompactToken,
  keys: readonly VerificationKey[],
): Promise<VerificationKey | undefined> {
  for (const key of keys) if (await isSignedBy(token, key)) return key
  return undefined
}

async function isSignedBy(token: CompactToken, key: VerificationKey): Promise<boolean> {
  const { algorithm } = token
  if (!key.algorithms.includes(algorithm)) return false
  const jws = { protected: token.protected, payload: token.payload, signature: token.signature }
  try {
    await flattenedVerify(jws, await key.forAlgorithm(algorithm), { algorithms: [algorithm] })
    return true
  } catch {
    // jose and WebCrypto report a bad signature in many ways; all of them mean "not signed".
    return false
  }
}
