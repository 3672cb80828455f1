import type { Revocable } from '../context.ts'
import { IdentityError } from '../errors.ts'
import type { Identity } from '../identity.ts'
import { textDigest, textDigestNow } from '../internal/digest.ts'
import { type Awaitable, andThen } from '../internal/promises.ts'
import { isText } from '../internal/values.ts'
import { fail, guardedValues, type Values } from '../stores/guarded-store.ts'
import { memoryStore } from '../stores/memory-store.ts'

/** What a revocation may name. */
export interface RevokedMembers {
  /** One token: `jti`, or `identity.tokenId`. */
  readonly tokenId: string
  /** Every token of a session (`sid`), also those that are issued later. */
  readonly sessionId: string
  /** Every token that a subject was issued until now. */
  readonly subject: string
  /** Of the tokens that this subject was issued until now, those that name no session. */
  readonly subjectWithoutSession: string
}

type AtLeastOneOf<T> = { readonly [K in keyof T]: Pick<T, K> & Partial<T> }[keyof T]

/**
 * What to revoke, under any name of its issuer. Everything that is named is revoked: a `tokenId` and
 * a `subject` together revoke both.
 *
 * An identity names its token, its session where its claims have one, and its subject.
 */
export type Revocation =
  | ({ readonly issuer: string } & AtLeastOneOf<RevokedMembers>)
  | Identity<unknown>

/** Keeps revocations for as long as a revoked token could still be presented. */
export interface Revocations {
  /** @throws IdentityError `DOWN` when the store cannot answer */
  ready(): Promise<void>
  /** @throws IdentityError `DOWN` when the store cannot keep it */
  revoke(revocation: Revocation, now: number): Promise<void>
  /**
   * @returns a promise only where there is something to wait for
   * @throws IdentityError `TOK` when revoked, `DOWN` when the store cannot tell
   */
  readonly check: (revocable: Revocable) => Promise<void> | undefined
}

/** Where revocations are kept: any {@link Store}, or a mirror of what all instances revoke. */
export interface RevocationStore extends Values {
  /** Resolves when it can answer. */
  ready?(): Promise<void>
}

export interface RevocationsOptions {
  /** Default: inside this process. */
  readonly store: RevocationStore | undefined
  /** Longest life of a token of any issuer. */
  readonly maxLifetimeSeconds: number
  /** The names under which identities of an issuer are known. */
  readonly namesOf: (issuer: string) => readonly string[]
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
export function createRevocations(options: RevocationsOptions): Revocations {
  const { store, maxLifetimeSeconds, namesOf } = options
  let guarded = store && guardedValues(store)
  const ttlSeconds =
    Math.max(shortestSeconds, Math.min(maxLifetimeSeconds, unlimitedSeconds)) + marginSeconds

  async function revoke(revocation: Revocation, now: number): Promise<void> {
    const kept = (guarded ??= guardedValues(memoryStore()))
    // Tokens issued later belong to a new sign-in: only a subject can have one.
    const until = now + clockDifferenceSeconds
    for (const key of await toKeys(namesOf(revocation.issuer), toEntries(revocation))) {
      const value = key.timed ? String(until) : 'always'
      const earlier = await kept.get(key.text)
      const covering = earlier === undefined ? value : laterOf(earlier, value)
      await kept.set(key.text, covering, ttlSeconds, [revocation.issuer])
    }
  }

  function checkIn(kept: Values, revocable: Revocable): Awaitable<void> {
    const keys = toKeys(namesOf(revocable.issuer), entriesOf(revocable))
    return andThen(keys, (known) => {
      const found = known.map(({ text }) => kept.get(text))
      return andThen(allOf(found), (revoked) => stands(revoked, revocable.claims['iat']))
    })
  }

  const ready = async () => store?.ready?.().catch(fail)
  const check = (revocable: Revocable): Promise<void> | undefined =>
    guarded && (checkIn(guarded, revocable) ?? undefined)
  return { ready, revoke, check }
}

/** A refusal rejects and never throws, like that of a store that is waited for. */
function stands(
  revoked: readonly (string | undefined)[],
  issuedAt: unknown,
): Promise<never> | undefined {
  const isRevoked = revoked.some((entry) => entry !== undefined && covers(entry, issuedAt))
  return isRevoked ? Promise.reject(new IdentityError('TOK', { reason: 'revoked' })) : undefined
}

/**
 * What covers as much as two values of one key: a process whose clock is behind must not shorten
 * what another one revoked. An entry that cannot be read covers everything, and continues to.
 */
export function laterOf(kept: string, value: string): string {
  const later = Math.max(Number(kept), Number(value))
  return Number.isFinite(later) ? String(later) : 'always'
}

type Kind = 'jti' | 'session' | 'subject' | 'sessionless'
type Entry = readonly [kind: Kind, id: string]

const kinds: ReadonlyMap<string, Kind> = new Map<keyof RevokedMembers, Kind>([
  ['tokenId', 'jti'],
  ['sessionId', 'session'],
  ['subject', 'subject'],
  ['subjectWithoutSession', 'sessionless'],
])

/**
 * Checks a revocation that was written by hand.
 *
 * @throws TypeError when it names nothing, or something that would revoke nothing
 */
export function assertRevocation(revocation: Revocation): void {
  if (typeof revocation !== 'object' || revocation === null) throw incomplete()
  const named = isIdentity(revocation) ? [] : Object.keys(revocation)
  const unknown = named.find((name) => name !== 'issuer' && !kinds.has(name))
  if (unknown !== undefined) {
    throw new TypeError(`A revocation cannot name ${JSON.stringify(unknown)}`)
  }
  const ids = toEntries(revocation).map(([, id]) => id)
  if (ids.length === 0 || ![revocation.issuer, ...ids].every(isText)) throw incomplete()
}

function incomplete(): TypeError {
  return new TypeError('A revocation names its issuer and a tokenId, a sessionId or a subject')
}

function isIdentity(revocation: Revocation): revocation is Identity<unknown> {
  return 'principal' in revocation
}

function toEntries(revocation: Revocation): readonly Entry[] {
  if (isIdentity(revocation)) return entriesOfIdentity(revocation)
  return Object.entries(revocation).flatMap(([name, id]): Entry[] => {
    const kind = kinds.get(name)
    return kind === undefined ? [] : [[kind, id]]
  })
}

function entriesOfIdentity({ subject, tokenId, claims }: Identity<unknown>): readonly Entry[] {
  const { jti, sid } = Object(claims) as Readonly<Record<string, unknown>>
  const tokens = new Set([tokenId, jti].filter(isText))
  return [
    ['subject', subject],
    ...[...tokens].map((id): Entry => ['jti', id]),
    ...(isText(sid) ? [['session', sid] as const] : []),
  ]
}

function entriesOf({ subject, tokenId, claims }: Revocable): readonly Entry[] {
  const { jti, sid, sub, original_sub: originalSub } = claims
  const hasSession = isText(sid)
  const tokens = new Set([tokenId, jti].filter(isText))
  // Logout tokens speak of `sub`, also where an issuer's subject is another claim.
  const subjects = new Set([subject, sub, originalSub].filter(isText))
  return [
    ...[...tokens].map((id): Entry => ['jti', id]),
    ...(hasSession ? [['session', sid] as const] : []),
    ...[...subjects].flatMap((id): Entry[] => [
      ['subject', id],
      ...(hasSession ? [] : [['sessionless', id] as const]),
    ]),
  ]
}

interface Key {
  readonly text: string
  /** Whether it covers only what was issued until then. */
  readonly timed: boolean
}

/** Hashed: names of users and sessions stay out of a shared store. */
function toKeys(issuers: readonly string[], entries: readonly Entry[]): Awaitable<readonly Key[]> {
  return allOf(
    issuers.flatMap((issuer) =>
      entries.map(([kind, id]) => {
        const name = JSON.stringify([issuer, kind, id])
        const timed = kind === 'subject' || kind === 'sessionless'
        const digest = textDigestNow(name) ?? textDigest(name)
        return andThen(digest, (hash) => ({ text: `revoked:${hash}`, timed }))
      }),
    ),
  )
}

/** All of them, at once where none has to be waited for. */
function allOf<T>(values: readonly Awaitable<T>[]): Awaitable<readonly T[]> {
  const isWaiting = values.some((value) => value instanceof Promise)
  return isWaiting ? Promise.all(values) : (values as readonly T[])
}

/** What cannot be compared is covered: a revocation must not be lost in a damaged entry. */
function covers(revoked: string, issuedAt: unknown): boolean {
  return !(typeof issuedAt === 'number' && issuedAt > Number(revoked))
}
