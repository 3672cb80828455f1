import type { Revocable } from '../context.ts'
import { IdentityError } from '../errors.ts'
import { textDigest } from '../internal/digest.ts'
import { isText } from '../internal/text.ts'
import { guardedStore } from '../stores/guarded-store.ts'
import { memoryStore } from '../stores/memory-store.ts'
import type { Store } from '../stores/store.ts'

/**
 * What to revoke: one token, a session, or everything that a subject holds so far. `issuer` is the
 * exact `issuer` of the identity.
 */
export type Revocation =
  | { readonly issuer: string; readonly tokenId: string }
  | {
      readonly issuer: string
      readonly sessionId: string
      /** Whose session it is: refuses the tokens of this subject that name no session, too. */
      readonly subject?: string
    }
  | { readonly issuer: string; readonly subject: string }

/** Keeps revocations for as long as a revoked token could still be presented. */
export interface Revocations {
  /** @throws IdentityError `DOWN` when the store cannot keep it */
  revoke(revocation: Revocation, now: number): Promise<void>
  /**
   * @returns a promise only where there is something to wait for
   * @throws IdentityError `TOK` when revoked, `DOWN` when the store cannot tell
   */
  check(revocable: Revocable): Promise<void> | undefined
}

// For issuers that were given no limit: tokens without an end would outlive any other number.
const unlimitedSeconds = 10 * 365 * 86_400
// Where nothing but headers names a subject there is no token whose end could be waited for.
const shortestSeconds = 86_400
// A token is accepted this much beyond `iat` plus its longest lifetime: three times the largest skew.
const marginSeconds = 180
// The issuer's clock may be ahead of this one: a token that was issued just before must not survive.
const clockDifferenceSeconds = 5

/**
 * Builds revocations over a store. Without one they stay inside this process, and cost nothing until
 * something is revoked.
 */
export function createRevocations(
  store: Store | undefined,
  maxLifetimeSeconds: number,
): Revocations {
  let guarded = store && guardedStore(store)
  const ttlSeconds =
    Math.max(shortestSeconds, Math.min(maxLifetimeSeconds, unlimitedSeconds)) + marginSeconds

  async function revoke(revocation: Revocation, now: number): Promise<void> {
    const kept = (guarded ??= guardedStore(memoryStore()))
    // Tokens issued later belong to a new sign-in: only a subject can have one.
    const until = String(now + clockDifferenceSeconds)
    for (const [kind, id] of toEntries(revocation)) {
      const key = await toKey(revocation.issuer, kind, id)
      const timed = kind === 'subject' || kind === 'sessionless'
      await kept.set(key, timed ? until : 'always', ttlSeconds)
    }
  }

  async function checkIn(kept: Store, revocable: Revocable): Promise<void> {
    const { issuer, claims } = revocable
    await Promise.all(
      entriesOf(revocable).map(async ([kind, id]) => {
        const revoked = await kept.get(await toKey(issuer, kind, id))
        if (revoked === undefined || !covers(revoked, claims['iat'])) return
        throw new IdentityError('TOK', { reason: 'revoked' })
      }),
    )
  }

  return { revoke, check: (revocable) => guarded && checkIn(guarded, revocable) }
}

type Kind = 'jti' | 'session' | 'subject' | 'sessionless'
type Entry = readonly [kind: Kind, id: string]

/**
 * Checks a revocation that was written by hand.
 *
 * @throws TypeError when it names nothing, and would revoke nothing
 */
export function assertRevocation(revocation: Revocation): void {
  const ids = toEntries(revocation).map(([, id]) => id)
  if ([revocation.issuer, ...ids].every(isText)) return
  throw new TypeError('A revocation names its issuer and a tokenId, a sessionId or a subject')
}

function toEntries(revocation: Revocation): readonly Entry[] {
  if ('tokenId' in revocation) return [['jti', revocation.tokenId]]
  if (!('sessionId' in revocation)) return [['subject', revocation.subject]]
  const { sessionId, subject } = revocation
  const sessionless: Entry[] = subject === undefined ? [] : [['sessionless', subject]]
  return [['session', sessionId], ...sessionless]
}

function entriesOf({ subject, claims }: Revocable): readonly Entry[] {
  const { jti, sid, sub } = claims
  const hasSession = isText(sid)
  // Logout tokens speak of `sub`, also where an issuer's subject is another claim.
  const subjects = new Set([subject, ...(isText(sub) ? [sub] : [])])
  return [
    ...(isText(jti) ? [['jti', jti] as const] : []),
    ...(hasSession ? [['session', sid] as const] : []),
    ...[...subjects].flatMap((id): Entry[] => [
      ['subject', id],
      ...(hasSession ? [] : [['sessionless', id] as const]),
    ]),
  ]
}

/** Hashed: names of users and sessions stay out of a shared store. */
async function toKey(issuer: string, kind: Kind, id: string): Promise<string> {
  return `revoked:${await textDigest(JSON.stringify([issuer, kind, id]))}`
}

/** What cannot be compared is covered: a revocation must not be lost in a damaged entry. */
function covers(revoked: string, issuedAt: unknown): boolean {
  return !(typeof issuedAt === 'number' && issuedAt > Number(revoked))
}
