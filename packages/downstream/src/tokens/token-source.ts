import type { Revocable } from '@onbehalf/core'
import { type SubjectTokens, textDigest } from '@onbehalf/core/internal'
import { checkRevoked, type VerifiedCaller } from '../caller.ts'
import type { ObtainedToken } from '../grants/grant.ts'
import { GrantFault } from '../oauth/fault.ts'
import { Refusals } from './refusals.ts'
import type { ApiToken } from './token.ts'
import type { TokenCache } from './token-cache.ts'
import { TokenKeys, type TokenScope } from './token-key.ts'

/** A token, and whether it was kept or obtained for this call. */
export interface FoundToken {
  readonly token: ApiToken
  readonly isFresh: boolean
}

/** What a call needs of its token. */
export interface TokenNeed {
  /** A token that the API refused: another one is needed. */
  readonly notThis?: ApiToken
  /** A claims challenge that the token has to meet. */
  readonly claims?: string | undefined
}

export interface TokenSourceOptions {
  readonly scope: TokenScope
  readonly cache: TokenCache
  readonly subjectTokens: SubjectTokens
  readonly onObtained: (caller: VerifiedCaller, token: ApiToken, seconds: number) => void
}

// Where the authorization server does not say how long a token lives (RFC 6749 section 5.1).
const unknownLifetimeSeconds = 60
// A token that needs more of this has to be obtained again soon anyway.
const maxKeptSeconds = 3600
const maxEarlySeconds = 60

/** Tokens of one API: kept ones, and one exchange for all calls that wait for the same. */
export class TokenSource {
  readonly #options: TokenSourceOptions
  readonly #keys: TokenKeys
  readonly #pending = new Map<string, Promise<ApiToken>>()
  readonly #refusals: Refusals

  constructor(options: TokenSourceOptions) {
    this.#options = options
    this.#keys = new TokenKeys(options.scope)
    this.#refusals = new Refusals(() => options.subjectTokens.now())
  }

  /** @throws GrantFault */
  async find(caller: VerifiedCaller, need: TokenNeed = {}): Promise<FoundToken> {
    const { cache } = this.#options
    const key = this.#keys.of(caller.identity)
    if (need.notThis !== undefined) await cache.drop(key, need.notThis)
    if (need.claims !== undefined) return this.#obtainAlone(key, caller, need.claims)
    const kept = cache.peek(key) ?? (await cache.fetch(key))
    if (kept !== undefined && (await this.#mayServe(key, kept, caller))) {
      return { token: kept, isFresh: false }
    }
    return this.#obtainOnce(key, caller)
  }

  /** Whether the credential that a token was obtained with has not been revoked. */
  async #mayServe(key: string, token: ApiToken, caller: VerifiedCaller): Promise<boolean> {
    const { origin, subjectTokenId } = token
    if (origin === undefined) return true
    const isOwn = subjectTokenId !== undefined && subjectTokenId === caller.identity.tokenId
    if (isOwn) return true
    try {
      await checkRevoked(origin, this.#options.subjectTokens)
      return true
    } catch (thrown) {
      if (!(thrown instanceof GrantFault) || thrown.code !== 'SUBJECT') throw thrown
      await this.#options.cache.drop(key, token)
      return false
    }
  }

  async #obtainOnce(key: string, caller: VerifiedCaller): Promise<FoundToken> {
    const pending = this.#pending.get(key)
    if (pending === undefined) return { token: await this.#begin(key, caller), isFresh: true }
    try {
      return { token: await pending, isFresh: true }
    } catch (thrown) {
      // Another call's credential may have been at fault. One that is out of reach is for all.
      if (thrown instanceof GrantFault && thrown.code === 'DOWN') throw thrown
      const token = await (this.#pending.get(key) ?? this.#begin(key, caller))
      return { token, isFresh: true }
    }
  }

  #begin(key: string, caller: VerifiedCaller): Promise<ApiToken> {
    const obtained = this.#obtain(key, caller, undefined).finally(() => this.#pending.delete(key))
    this.#pending.set(key, obtained)
    return obtained
  }

  async #obtainAlone(key: string, caller: VerifiedCaller, claims: string): Promise<FoundToken> {
    return { token: await this.#obtain(key, caller, claims), isFresh: true }
  }

  async #obtain(
    key: string,
    caller: VerifiedCaller,
    claims: string | undefined,
  ): Promise<ApiToken> {
    // A challenge is refused for itself.
    const attempt = claims === undefined ? key : `${key} ${claims}`
    const credential = await credentialOf(caller)
    this.#refusals.check(attempt, credential)
    try {
      const token = await this.#exchange(key, caller, claims)
      this.#refusals.granted(attempt)
      return token
    } catch (thrown) {
      if (thrown instanceof GrantFault) this.#refusals.refused(attempt, credential, thrown)
      throw thrown
    }
  }

  async #exchange(
    key: string,
    caller: VerifiedCaller,
    claims: string | undefined,
  ): Promise<ApiToken> {
    const { scope, cache, subjectTokens, onObtained } = this.#options
    const { identity, token: subjectToken } = caller
    const startedAt = performance.now()
    const now = subjectTokens.now()
    const request = { ...scope.target, identity, subjectToken, claims }
    const obtained = await scope.grant.obtain(request)
    const origin = scope.grant.actsFor === 'server' ? undefined : toOrigin(caller.revocable)
    const token = toApiToken(obtained, now, origin)
    // Revoked while it was obtained: nobody may use it.
    if (origin !== undefined) await checkRevoked(origin, subjectTokens)
    await cache.set(key, token)
    onObtained(caller, token, (performance.now() - startedAt) / 1000)
    return token
  }
}

/** A name for the credential of this request, which outlives it. */
async function credentialOf({ token = '', revocable }: VerifiedCaller): Promise<string> {
  return revocable.tokenId ?? (await textDigest(token))
}

function toApiToken(
  { text, scopes, lifetimeSeconds }: ObtainedToken,
  now: number,
  origin: Revocable | undefined,
): ApiToken {
  const says = typeof lifetimeSeconds === 'number' && lifetimeSeconds >= 0
  const lifetime = says ? lifetimeSeconds : unknownLifetimeSeconds
  const kept = Math.min(lifetime - Math.min(maxEarlySeconds, lifetime / 10), maxKeptSeconds)
  return {
    text,
    scopes,
    expiresAt: now + lifetime,
    usableUntil: now + kept,
    tokenId: readTokenId(text),
    subjectTokenId: origin?.tokenId,
    origin,
  }
}

/** What revocation compares, and nothing else of the claims. */
function toOrigin({ issuer, subject, tokenId, claims }: Revocable): Revocable {
  const { jti, sid, sub, iat, original_sub } = claims
  return { issuer, subject, tokenId, claims: { jti, sid, sub, iat, original_sub } }
}

/** For records: it is not verified, and decides nothing. */
function readTokenId(text: string): string | undefined {
  try {
    const [, payload = ''] = text.split('.')
    const { jti } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as {
      jti?: unknown
    }
    return typeof jti === 'string' && jti.length <= 256 ? jti : undefined
  } catch {
    return undefined
  }
}
