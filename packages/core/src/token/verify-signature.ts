import type { Awaitable } from '../internal/promises.ts'
import type { Algorithm } from './algorithm.ts'
import { toBytes } from './base64url.ts'
import type { CompactToken } from './parse-token.ts'

/** A public key that passed every check, bound to the algorithms it may serve. */
export interface VerificationKey {
  readonly keyId: string | undefined
  readonly algorithms: readonly Algorithm[]
  /** The `issuer` member that some multi-tenant key sets carry. */
  readonly issuer: string | undefined
  /** Equal for the same key with the same rules. */
  readonly fingerprint: string
  /**
   * Whether it signed these bytes; `false` also for an algorithm that it does not serve.
   *
   * @returns a promise only where there is something to wait for
   */
  verify(algorithm: Algorithm, signed: Uint8Array, signature: Uint8Array): Awaitable<boolean>
}

/**
 * Looks for the key that signed a token. Each key serves only the algorithms it was bound to when
 * it was loaded; the token cannot choose another one.
 *
 * Does NOT look at claims.
 *
 * @returns the key, or `undefined` when none of them made the signature; a promise only where there is
 *   something to wait for
 */
export function verifySignature(
  { algorithm, ...token }: CompactToken,
  keys: readonly VerificationKey[],
): Awaitable<VerificationKey | undefined> {
  const signed = encoder.encode(`${token.protected}.${token.payload}`)
  const signature = toBytes(token.signature)
  return firstOf(keys, (key) => key.verify(algorithm, signed, signature))
}

const encoder = new TextEncoder()

function firstOf(
  keys: readonly VerificationKey[],
  isIt: (key: VerificationKey) => Awaitable<boolean>,
): Awaitable<VerificationKey | undefined> {
  for (const [at, key] of keys.entries()) {
    const verdict = isIt(key)
    if (verdict === true) return key
    if (verdict === false) continue
    return verdict.then((is) => (is ? key : firstOf(keys.slice(at + 1), isIt)))
  }
  return undefined
}
