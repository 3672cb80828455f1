/**
 * Keeps small values for a time: seen proofs, revocations, owners of sessions. Keys and values are
 * short ASCII text; a key never holds a token.
 *
 * A store that cannot answer rejects: the request is then refused as `DOWN`.
 */
export interface Store {
  /** Keeps a value unless the key is taken. @returns whether it was kept */
  add(key: string, value: string, ttlSeconds: number): Promise<boolean>
  /** Keeps a value in place of an earlier one. */
  set(key: string, value: string, ttlSeconds: number): Promise<void>
  get(key: string): Promise<string | undefined>
}
