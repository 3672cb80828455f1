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
   * One key a token, not a person: the same person may hold a narrower token, or one of another
   * organization.
   */
  readonly token: string
  /** Seconds since 1970 after which the caller's own token is no good any more. */
  readonly expiresAt: number
  /** Seconds since 1970. */
  readonly now: number
}

interface Entry {
  readonly token: Promise<string>
  /** Seconds since 1970; infinite while the token is under way. */
  usableUntil: number
}

/** Seconds before its end from which on a token is renewed: no target is to meet it expired. */
const renewedBefore = 30

/** An empty cache; the one that was used longest ago goes first. */
export function createTokenCache(maxEntries: number): TokenCache {
  const entries = new Map<string, Entry>()

  function load({ expiresAt, now }: CachedCaller, request: () => Promise<IssuedToken>): Entry {
    const token = request().then((issued) => {
      entry.usableUntil = Math.min(now + issued.expiresInSeconds, expiresAt) - renewedBefore
      return issued.token
    })
    const entry: Entry = { token, usableUntil: Number.POSITIVE_INFINITY }
    // The rejection itself reaches whoever waits for the token.
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
      // A map keeps the order of insertion: the last used stands last.
      entries.delete(key)
      entries.set(key, entry)
      const [oldest] = entries.keys()
      if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
      return entry.token
    },
  }
}
