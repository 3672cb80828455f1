import { assertOptions } from '../internal/options.ts'
import { type Place, Places } from './places.ts'
import type { Store } from './store.ts'

export interface MemoryStoreOptions {
  /** Most entries that are kept, a whole number above 0. Default 100000. */
  readonly maxEntries?: number
  /** Monotonic clock in seconds. Default: `performance.now()`. */
  readonly monotonic?: () => number
}

// What has expired goes as well when there is twice as much as after the last time.
const fewestSwept = 1_000
// Nor by every request that comes while something expires all the time.
const sweepPauseSeconds = 1

interface Entry {
  value: string
  until: number
  readonly place: Place
}

/**
 * A store inside this process. It does not know what other processes saw: use a shared one where
 * several serve the same resource.
 *
 * When it is full of live entries it rejects rather than forget one: a forgotten proof could be
 * replayed. A party whose entries are counted, such as the subject of proofs, may have no more of them
 * than are still free: who floods a store leaves half of it to the others.
 *
 * @throws TypeError naming the option that is unknown, undefined or wrong
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const { maxEntries = 100_000, monotonic = () => performance.now() / 1000 } = options
  if (!Number.isInteger(maxEntries) || maxEntries < 1) {
    throw new TypeError('maxEntries must be a positive integer')
  }
  if (typeof monotonic !== 'function') throw new TypeError('monotonic must be a function')
  assertOptions('memoryStore', options, { maxEntries: true, monotonic: true })
  const entries = new Map<string, Entry>()
  const places = new Places(maxEntries, monotonic)
  let nextExpiry = Number.POSITIVE_INFINITY
  let sweptAt = Number.NEGATIVE_INFINITY
  let sweepSize = fewestSwept

  function read(key: string): string | undefined {
    const entry = entries.get(key)
    return entry !== undefined && entry.until > monotonic() ? entry.value : undefined
  }

  function write(
    key: string,
    value: string,
    ttlSeconds: number,
    owners: readonly string[] = [],
  ): void {
    const until = monotonic() + ttlSeconds
    nextExpiry = Math.min(nextExpiry, until)
    const entry = entries.get(key)
    if (entry !== undefined) Object.assign(entry, { value, until })
    else entries.set(key, { value, until, place: takePlace(owners) })
  }

  function takePlace(owners: readonly string[]): Place {
    if (entries.size >= sweepSize) dropExpired()
    let place = places.take(...owners)
    if (place === undefined && dropExpired()) place = places.take(...owners)
    if (place === undefined) throw new Error('The store is full')
    return place
  }

  function dropExpired(): boolean {
    const now = monotonic()
    // Nothing to find before then: a full store must not be walked again by every request.
    if (now < nextExpiry || now < sweptAt + sweepPauseSeconds) return false
    sweptAt = now
    nextExpiry = Number.POSITIVE_INFINITY
    for (const [key, { until, place }] of entries) {
      if (until > now) nextExpiry = Math.min(nextExpiry, until)
      else if (entries.delete(key)) places.free(place)
    }
    sweepSize = Math.max(fewestSwept, 2 * entries.size)
    return true
  }

  return {
    add: async (key, value, ttlSeconds, owners) => {
      if (read(key) !== undefined) return false
      write(key, value, ttlSeconds, owners)
      return true
    },
    set: async (key, value, ttlSeconds, owners) => write(key, value, ttlSeconds, owners),
    get: async (key) => read(key),
  }
}
