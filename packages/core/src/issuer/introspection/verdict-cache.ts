import { IdentityError } from '../../errors.ts'
import type { Claims } from '../../identity.ts'
import { sharesPromises } from '../../internal/promises.ts'
import { deepFreeze } from '../../internal/values.ts'

const maxEntries = 1000
// Characters of the answers as JSON. An answer may be 256 KiB long: that many of them would be 256 MB.
const maxLength = 4 * 1024 * 1024
const maxEntryLength = 64 * 1024
// Each one holds a connection to the endpoint: a sender of random tokens does not get more.
const maxPending = 64

type Load = () => Promise<Claims | undefined>

interface Entry {
  readonly claims: Claims
  readonly until: number
  readonly length: number
}

export interface VerdictCacheOptions {
  readonly seconds: number
  /** Monotonic clock in seconds. */
  readonly monotonic: () => number
}

/**
 * Remembers active tokens for a short time, by the digest of the token. Inactive ones are not kept,
 * so that a flood of them displaces nothing. Equal questions at the same time are asked once, except on
 * Cloudflare Workers, and different ones within a bound. The whole is bounded in entries and in length.
 */
export function createVerdictCache(
  options: VerdictCacheOptions,
): (key: string, load: Load) => Promise<Claims | undefined> {
  const { seconds, monotonic } = options
  const entries = new Map<string, Entry>()
  const isShared = sharesPromises()
  let length = 0
  const pending = new Map<string, Promise<Claims | undefined>>()

  function keep(key: string, claims: Claims | undefined, askedAt: number): void {
    if (claims === undefined || seconds === 0) return
    // The same object serves every hit: no handler and no schema may change it.
    const entry = { claims: deepFreeze(claims), until: askedAt + seconds, length: lengthOf(claims) }
    if (entry.length > maxEntryLength) return
    drop(key)
    entries.set(key, entry)
    length += entry.length
    for (const oldest of entries.keys()) {
      if (entries.size <= maxEntries && length <= maxLength) return
      drop(oldest)
    }
  }

  function drop(key: string): void {
    length -= entries.get(key)?.length ?? 0
    entries.delete(key)
  }

  async function ask(key: string, load: Load): Promise<Claims | undefined> {
    const askedAt = monotonic()
    try {
      const claims = await load()
      keep(key, claims, askedAt)
      return claims
    } finally {
      pending.delete(key)
    }
  }

  return async (key, load) => {
    const entry = entries.get(key)
    if (entry !== undefined && entry.until > monotonic()) return entry.claims
    drop(key)
    if (!isShared) return ask(key, load)
    const same = pending.get(key)
    if (same !== undefined) return same
    if (pending.size >= maxPending) {
      throw new IdentityError('DOWN', { reason: 'introspection_busy', retryAfterSeconds: 1 })
    }
    const asked = ask(key, load)
    pending.set(key, asked)
    return asked
  }
}

function lengthOf(claims: Claims): number {
  return JSON.stringify(claims).length
}
