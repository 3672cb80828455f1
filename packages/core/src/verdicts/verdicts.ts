import {
  type Credential,
  credentialDigest,
  type Presented,
  type PresentedToken,
} from '../credentials/credentials.ts'
import type { CredentialHeaders } from '../credentials/header-lines.ts'
import type { Identity } from '../identity.ts'
import { textDigestNow } from '../internal/digest.ts'
import { assertOptions } from '../internal/options.ts'
import type { Awaitable } from '../internal/promises.ts'
import type { ParsedToken } from '../token/parse-token.ts'
import type { Conditions } from './conditions.ts'
import { isShareable } from './is-shareable.ts'
import { type CacheLimits, VerdictCache } from './verdict-cache.ts'

/** What was found out about a set of credentials, by which source, and while what holds. */
export interface Verdict<S> {
  readonly identity: Identity<unknown>
  readonly source: S
  readonly conditions: Conditions
}

/** What a token says; its text is a secret, and not kept. */
type Content = Pick<ParsedToken, 'algorithm' | 'keyId' | 'type' | 'hasKeyHeader' | 'claims'>

// An identity with its claims takes up two bytes for each of its tokens and this much besides.
const entryBytes = 1_500
const bytesPerCharacter = 2

/**
 * The verdicts of one authenticator: found by the SHA-256 of all credentials of a request together, and
 * given again only while their {@link Conditions} hold. What was refused is never kept.
 *
 * Beside them are the contents of tokens that come with many others, as a gateway's own does: an
 * issuer knows by their claims what it has verified already.
 */
export class Verdicts<S> {
  readonly #kept: VerdictCache<Verdict<S> | Content> | undefined
  readonly #headers: CredentialHeaders

  constructor(limits: CacheLimits | null, headers: CredentialHeaders) {
    this.#kept = limits === null ? undefined : new VerdictCache(limits)
    this.#headers = headers
  }

  /** The key of a request's credentials; undefined where nothing is kept. */
  keyOf(presented: Presented): Awaitable<string | undefined> {
    if (this.#kept === undefined || presented.tokens.length === 0) return undefined
    return credentialDigest(presented, this.#headers)
  }

  find(key: string): Verdict<S> | undefined {
    const kept = this.#kept?.get(key)
    return kept !== undefined && 'identity' in kept ? kept : undefined
  }

  /** A token that was verified before, with the very claims of that time. */
  findParsed(presented: PresentedToken): ParsedToken | undefined {
    const hash = this.#kept && presented.digestNow()
    const content = hash === undefined ? undefined : this.#kept?.get(tokenKey(hash))
    if (content === undefined || 'identity' in content) return undefined
    const [header = '', payload = '', signature = ''] = presented.text.split('.')
    return { ...content, protected: header, payload, signature }
  }

  keep(key: string, verdict: Verdict<S>, { tokens }: Presented): void {
    const { identity, conditions } = verdict
    if (!conditions.isKeepable || !isShareable(identity.claims)) return
    const characters = tokens.reduce((sum, { text }) => sum + text.length, 0)
    this.#kept?.set(key, verdict, entryBytes + bytesPerCharacter * characters)
  }

  keepToken(credential: Credential | undefined): void {
    const { token, text = '' } = credential ?? {}
    const digest = textDigestNow(text)
    if (token === undefined || digest === undefined) return
    const { algorithm, keyId, type, hasKeyHeader, claims } = token
    const content = { algorithm, keyId, type, hasKeyHeader, claims }
    this.#kept?.set(tokenKey(digest), content, entryBytes + bytesPerCharacter * text.length)
  }
}

// No digest has a colon in it.
const tokenKey = (hash: string): string => `token:${hash}`

const defaults: CacheLimits = { entries: 50_000, bytes: 192 * 1024 * 1024 }

/** @throws TypeError naming the limit that is wrong */
export function toCacheLimits(limits: CacheLimits | null = defaults): CacheLimits | null {
  if (limits === null) return null
  for (const name of ['entries', 'bytes'] as const) {
    if (!Number.isSafeInteger(limits[name]) || limits[name] < 1) {
      throw new TypeError(`cache.${name} must be a whole number above 0`)
    }
  }
  assertOptions('cache', limits, { entries: true, bytes: true })
  return limits
}
