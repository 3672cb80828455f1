/** Keeps the places of calls that run at once, for all processes: `redisLeases` or `postgresLeases`. */
export interface LeaseStore {
  /**
   * Takes a place for so many seconds, unless all of them are taken.
   *
   * @returns how many are taken then; 0 when this call has none
   */
  take(key: string, id: string, places: number, seconds: number): Promise<number>
  /** Keeps a place for so many seconds from now, also one that the store has lost. */
  renew(key: string, id: string, seconds: number): Promise<void>
  release(key: string, id: string): Promise<void>
}
