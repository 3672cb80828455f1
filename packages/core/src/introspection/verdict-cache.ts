import type { Claims } from '../identity.ts'

const maxEntries = 1000

type Load = () => Promise<Claims | undefined>

/**
 * Remembers active tokens for a short time, by the digest of the token. Inactive ones are not kept,
 * so that a flood of them displaces nothing; equal questions at the same time are asked once.
 */
export function createVerdictCache(
  seconds: number,
): (key: string, now: number, load: Load) => Promise<Claims | undefined> {
  const entries = new Map<string, { readonly claims: Claims; readonly until: number }>()
  const pending = new Map<string, Promise<Claims | undefined>>()

  function keep(key: string, claims: Claims | undefined, now: number): void {
    if (claims === undefined || seconds === 0) return
    entries.delete(key)
    entries.set(key, { claims, until: now + seconds })
    const oldest = entries.keys().next().value
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
  }

  async function ask(key: string, now: number, load: Load): Promise<Claims | undefined> {
    try {
      const claims = await load()
      keep(key, claims, now)
      return claims
    } finally {
      pending.delete(key)
    }
  }

  return (key, now, load) => {
    const entry = entries.get(key)
    if (entry !== undefined && entry.until > now) return Promise.resolve(entry.claims)
    entries.delete(key)
    const asked = pending.get(key) ?? ask(key, now, load)
    pending.set(key, asked)
    return asked
  }
}
