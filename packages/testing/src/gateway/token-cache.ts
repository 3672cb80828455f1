import type { IssuedTokens } from '../oauth/token-request.ts'

/** Tokens that the gateway was issued, each asked for once at a time. */
export interface TokenCache {
  /**
   * The token under `key`: a kept one, the one under way, or what `load` brings. A failed `load` is not kept.
   * @param notAfter seconds since 1970 after which the token must not be used, whatever its own expiry.
   */
  get(key: string, load: () => Promise<IssuedTokens>, notAfter?: number): Promise<string>
}

interface Entry {
  readonly token: Promise<string>
  /** Seconds since 1970. Unknown, so infinite, while the token is under way. */
  usableUntil: number
}

/** Seconds before expiry from which on a token is renewed: a target must not meet it expired. */
const RENEWED_BEFORE = 30
const MAX_ENTRIES = 1_000

/** An empty cache. `clock` gives seconds since 1970. */
export function createTokenCache(clock: () => number): TokenCache {
  const entries = new Map<string, Entry>()

  function load(request: () => Promise<IssuedTokens>, notAfter: number): Entry {
    const now = clock()
    const token = request().then(({ accessToken, expiresInSeconds }) => {
      entry.usableUntil = Math.min(now + expiresInSeconds, notAfter) - RENEWED_BEFORE
      return accessToken
    })
    const entry: Entry = { token, usableUntil: Number.POSITIVE_INFINITY }
    // The rejection itself reaches the caller who waits for the token.
    token.catch(() => {
      entry.usableUntil = Number.NEGATIVE_INFINITY
    })
    return entry
  }

  return {
    get: (key, request, notAfter = Number.POSITIVE_INFINITY) => {
      const known = entries.get(key)
      if (known && clock() < known.usableUntil) return known.token
      const entry = load(request, notAfter)
      dropOldest(entries)
      entries.set(key, entry)
      return entry.token
    },
  }
}

function dropOldest(entries: Map<string, Entry>): void {
  const [oldest] = entries.keys()
  if (oldest !== undefined && entries.size >= MAX_ENTRIES) entries.delete(oldest)
}
