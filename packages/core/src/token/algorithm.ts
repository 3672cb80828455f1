/**
 * Signature algorithms that are accepted at all: asymmetric ones (RFC 7518 section 3.1, RFC 8037,
 * RFC 9864).
 */
export type Algorithm =
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
  | 'Ed25519'

/** Algorithms by the key that serves them: key type and, where it matters, the curve. */
const byKey = new Map<string, readonly Algorithm[]>([
  ['RSA', ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
  ['EC P-256', ['ES256']],
  ['EC P-384', ['ES384']],
  ['EC P-521', ['ES512']],
  ['OKP Ed25519', ['EdDSA', 'Ed25519']],
])

/** Every accepted algorithm. */
export const algorithms: readonly Algorithm[] = Object.freeze([...byKey.values()].flat())

/** Whether a value names an accepted algorithm, exactly. */
export function isAlgorithm(value: unknown): value is Algorithm {
  return algorithms.includes(value as Algorithm)
}

/**
 * Reads an option that lists algorithms.
 *
 * @throws TypeError when it lists none, or one that is not accepted
 */
export function toAlgorithms(listed: readonly Algorithm[]): readonly Algorithm[] {
  if (Array.isArray(listed) && listed.length > 0 && listed.every(isAlgorithm)) {
    return Object.freeze([...listed])
  }
  throw new TypeError('algorithms must name asymmetric signature algorithms')
}

/** Algorithms that a key of this type and curve can serve. */
export function algorithmsOfKey(kty: unknown, crv: unknown): readonly Algorithm[] {
  if (kty === 'RSA') return byKey.get(kty) ?? []
  // Only text is joined: a key set may hold anything here, also what has no text form.
  if (typeof kty !== 'string' || typeof crv !== 'string') return []
  return byKey.get(`${kty} ${crv}`) ?? []
}
