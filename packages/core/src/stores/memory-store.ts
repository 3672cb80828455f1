import { assertOptions } from '../internal/options.ts'
import type { Store } from './store.ts'

export interface MemoryStoreOptions {
  /** Most entries that are kept, a whole number above 0. Default 100000. */
  readonly maxEntries?: number
  /** Monotonic clock in seconds. Default: `performance.now()`. */
  readonly monotonic?: () => number
}

// What has expired goes as well when there is twice as much as after the last time.
const fewestSwept = 1_000

/**
 * A store inside this process. It does not know what other processes saw: use a shared one where
 * several serve the same resource.
 *
 * When it is full of live entries it rejects rather than forget one: a forgotten proof could be
 * replayed.
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
  const entries = new Map<string, { readonly value: string; readonly until: number }>()
  let nextExpiry = 0
  let sweepSize = fewestSwept

  function read(key: string): string | undefined {
    const entry = entries.get(key)
    return entry !== undefined && entry.until > monotonic() ? entry.value : undefined
  }

  function write(key: string, value: string, ttlSeconds: number): void {
    if (!entries.has(key) && entries.size >= Math.min(maxEntries, sweepSize)) {
      dropExpired()
      sweepSize = Math.max(fewestSwept, 2 * entries.size)
    }
    if (!entries.has(key) && entries.size >= maxEntries) throw new Error('The store is full')
    entries.set(key, { value, until: monotonic() + ttlSeconds })
    nextExpiry = Math.min(nextExpiry, monotonic() + ttlSeconds)
  }

  function dropExpired(): void {
    const now = monotonic()
    // Nothing to find before then: a full store must not be walked again by every request.
    if (now < nextExpiry) return
    nextExpiry = Number.POSITIVE_INFINITY
    for (const [key, { until }] of entries) {
      if (until <= now) entries.delete(key)
      else nextExpiry = Math.min(nextExpiry, until)
    }
  }

  return {
    add: async (key, value, ttlSeconds) => {
      if (read(key) !== undefined) return false
      write(key, value, ttlSeconds)
      return true
    },
    set: async (key, value, ttlSeconds) => write(key, value, ttlSeconds),
    get: async (key) => read(key),
  }
}
