import type { Revocable } from './context.ts'
import { textDigest } from './digest.ts'
import { IdentityError } from './errors.ts'
import { guardedStore } from './stores/guarded-store.ts'
import { memoryStore } from './stores/memory-store.ts'
import type { Store } from './stores/store.ts'

/** What to revoke: one token, a session, or everything that a subject holds so far. */
export type Revocation =
  | { readonly issuer: string; readonly jti: string }
  | { readonly issuer: string; readonly session: string }
  | { readonly issuer: string; readonly subject: string }

/** Keeps revocations for as long as a revoked token could still be presented. */
export interface Revocations {
  /** @throws IdentityError `DOWN` when the store cannot keep it */
  revoke(revocation: Revocation, now: number): Promise<void>
  /** @throws IdentityError `TOK` when revoked, `DOWN` when the store cannot tell */
  check(revocable: Revocable): Promise<void>
}

// Longer than any sensible token lives; for issuers without a limit of their own.
const longestSeconds = 30 * 86_400
const maxSkewSeconds = 60

/**
 * Builds revocations over a store. Without one they stay inside this process, and cost nothing until
 * something is revoked.
 */
export function createRevocations(
  store: Store | undefined,
  maxLifetimeSeconds: number,
): Revocations {
  let guarded = store && guardedStore(store)
  const ttlSeconds = Math.min(maxLifetimeSeconds, longestSeconds) + maxSkewSeconds

  async function revoke(revocation: Revocation, now: number): Promise<void> {
    const [kind, id] = toEntry(revocation)
    const key = await toKey(revocation.issuer, kind, id)
    guarded ??= guardedStore(memoryStore())
    // Tokens issued later belong to a new sign-in: only a subject can have one.
    await guarded.set(key, kind === 'subject' ? String(now) : 'always', ttlSeconds)
  }

  async function check({ issuer, subject, claims }: Revocable): Promise<void> {
    const kept = guarded
    if (kept === undefined) return
    const ids: [Kind, unknown][] = [
      ['jti', claims['jti']],
      ['session', claims['sid']],
      ['subject', subject],
    ]
    await Promise.all(
      ids.map(async ([kind, id]) => {
        if (typeof id !== 'string') return
        const revoked = await kept.get(await toKey(issuer, kind, id))
        if (revoked !== undefined && covers(revoked, claims['iat'])) {
          throw new IdentityError('TOK', { reason: 'revoked' })
        }
      }),
    )
  }

  return { revoke, check }
}

type Kind = 'jti' | 'session' | 'subject'

function toEntry(revocation: Revocation): [Kind, string] {
  if ('jti' in revocation) return ['jti', revocation.jti]
  return 'session' in revocation ? ['session', revocation.session] : ['subject', revocation.subject]
}

/** Hashed: names of persons and sessions stay out of a shared store. */
async function toKey(issuer: string, kind: Kind, id: string): Promise<string> {
  return `revoked:${await textDigest(JSON.stringify([issuer, kind, id]))}`
}

function covers(revoked: string, issuedAt: unknown): boolean {
  return revoked === 'always' || typeof issuedAt !== 'number' || issuedAt <= Number(revoked)
}
