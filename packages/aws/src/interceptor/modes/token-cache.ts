import { createHash } from 'node:crypto'
import type { IssuedToken } from './token-endpoint.ts'

/** Tokens that were issued for callers, each asked for once at a time. */
export interface TokenCache {
  /**
   * The token for a caller: a kept one, the one under way, or what `load` brings. A `load` that fails is
   * not kept.
   */
  get(caller: CachedCaller, load: () => Promise<IssuedToken>): Promise<string>
}

interface CachedCaller {
  /**
   * One key per token, not per user: the same user may hold a narrower token, or one for another
   * organization.
   */
  readonly token: string
  /** Seconds since 1970 at which the caller's own token expires. */
  readonly expiresAt: number
  /** Seconds since 1970. */
  readonly now: number
}

interface Entry {
  readonly token: Promise<string>
  /** Seconds since 1970; infinite while the token is under way. */
  usableUntil: number
}

/** Seconds before its expiry at which a token is renewed, so that it is not expired at the target. */
const renewedBefore = 30

/** An empty cache; the token that was used longest ago is dropped first. */
export function createTokenCache(maxEntries: number): TokenCache {
  const entries = new Map<string, Entry>()

  function load({ expiresAt, now }: CachedCaller, request: () => Promise<IssuedToken>): Entry {
    const token = request().then((issued) => {
      entry.usableUntil = Math.min(now + issued.expiresInSeconds, expiresAt) - renewedBefore
      return issued.token
    })
    const entry: Entry = { token, usableUntil: Number.POSITIVE_INFINITY }
    // The rejection itself reaches the callers that wait for the token.
    token.catch(() => {
      entry.usableUntil = Number.NEGATIVE_INFINITY
    })
    return entry
  }

  return {
    get: (caller, request) => {
      const key = createHash('sha256').update(caller.token).digest('base64url')
      const known = entries.get(key)
      const entry = known && caller.now < known.usableUntil ? known : load(caller, request)
      // A map keeps the order of insertion: the last used is last.
      entries.delete(key)
      entries.set(key, entry)
      const [oldest] = entries.keys()
      if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
      return entry.token
    },
  }
}
