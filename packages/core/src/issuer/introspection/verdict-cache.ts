import { IdentityError } from '../../errors.ts'
import { type Claims, deepFreeze } from '../../identity.ts'

const maxEntries = 1000
// Each one holds a connection to the endpoint: a sender of random tokens does not get more.
const maxPending = 64

type Load = () => Promise<Claims | undefined>

export interface VerdictCacheOptions {
  readonly seconds: number
  /** Monotonic clock in seconds. */
  readonly monotonic: () => number
}

/**
 * Remembers active tokens for a short time, by the digest of the token. Inactive ones are not kept,
 * so that a flood of them displaces nothing; equal questions at the same time are asked once, and
 * different ones within a bound.
 */
export function createVerdictCache(
  options: VerdictCacheOptions,
): (key: string, load: Load) => Promise<Claims | undefined> {
  const { seconds, monotonic } = options
  const entries = new Map<string, { readonly claims: Claims; readonly until: number }>()
  const pending = new Map<string, Promise<Claims | undefined>>()

  function keep(key: string, claims: Claims | undefined, askedAt: number): void {
    if (claims === undefined || seconds === 0) return
    // The same object serves every hit: no handler and no schema may change it.
    entries.set(key, { claims: deepFreeze(claims), until: askedAt + seconds })
    const oldest = entries.keys().next().value
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
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
    entries.delete(key)
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
