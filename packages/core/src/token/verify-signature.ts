import { flattenedVerify } from 'jose'
import type { CompactToken } from './parse-token.ts'
import type { VerificationKey } from './verification-key.ts'

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
