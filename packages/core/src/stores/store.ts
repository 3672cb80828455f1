/**
 * Keeps small values for a time: seen proofs, revocations, owners of sessions. Keys and values are
 * short ASCII text; a key never holds a token.
 *
 * A store that cannot answer rejects: the request is then refused as `DOWN`.
 */
export interface Store {
  /**
   * Keeps a value unless the key is taken.
   *
   * @param owners whose share of a bounded store it takes, the outermost party first: they are for
   *   counting only. A store without a bound of its own ignores them.
   * @returns whether it was kept
   */
  add(key: string, value: string, ttlSeconds: number, owners?: readonly string[]): Promise<boolean>
  /** Keeps a value in place of an earlier one, for the same `owners`. */
  set(key: string, value: string, ttlSeconds: number, owners?: readonly string[]): Promise<void>
  get(key: string): Promise<string | undefined>
}
