import type { AuthenticatorEvent, Context } from '../context.ts'
import { IdentityError, type RefusalDetail, withFailure } from '../errors.ts'
import { textDigest } from '../internal/digest.ts'
import { assertOptions, readClock, toObserver } from '../internal/options.ts'
import { readBounded } from '../internal/read-bounded.ts'
import { isRecord, isText } from '../internal/values.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import type { RefusalReason } from '../reasons.ts'
import { named } from '../sources/source.ts'
import { guardedStore } from '../stores/guarded-store.ts'
import type { Store } from '../stores/store.ts'
import { checkValidity, readTime } from '../token/json-object.ts'
import { type ParsedToken, parseToken } from '../token/parse-token.ts'
import type { Revocation } from './revocation.ts'

/** OpenID Connect Back-Channel Logout 1.0, section 2.4. */
const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout'
const maxAgeSeconds = 300
const skewSeconds = 30
const maxBodyBytes = 32_768
const formType = /^application\/x-www-form-urlencoded\s*(;|$)/i

export interface BackChannelLogoutOptions {
  /** Where revocations go: the authenticator of this server. */
  readonly authenticator: { revoke(revocation: Revocation): Promise<void> }
  /** Who signs logout tokens. */
  readonly issuer: SigningIssuer<unknown>
  /** Client id under which this server is registered for back-channel logout. */
  readonly audience: string
  /** Remembers logout tokens that were used; share it between processes. */
  readonly store: Store
  /** Seconds since 1970. Default: the system clock. */
  readonly clock?: () => number
  /**
   * Called with the reason of a refused logout token, and for key loads. The issuer has the `requestId` of
   * the event as `x-request-id`. A throw changes nothing.
   */
  readonly onEvent?: (event: AuthenticatorEvent) => void
}

/**
 * An endpoint for OpenID Connect Back-Channel Logout: the issuer posts a logout token, and the
 * tokens of that session (or, without `sid`, of that subject) are refused from then on. Where it
 * names both, the subject's tokens that name no session are refused as well.
 *
 * Answers 200, 400 for a token that is refused, 405, or 503 when it cannot be verified or kept.
 *
 * @throws TypeError naming the option that is missing
 */
export function backChannelLogout(
  options: BackChannelLogoutOptions,
): (request: Request) => Promise<Response> {
  const { authenticator, audience, clock = () => Date.now() / 1000 } = options
  if (!audience) throw new TypeError('audience is required')
  if (typeof options.store?.add !== 'function') throw new TypeError('store is required')
  const { onEvent, ...deciding } = options
  assertOptions('backChannelLogout', deciding, {
    authenticator: true,
    issuer: true,
    audience: true,
    store: true,
    clock: true,
  })
  const used = usedTokens(guardedStore(options.store))
  const report = toObserver(onEvent)

  async function logOut(request: Request): Promise<void> {
    const token = parseToken(await readLogoutToken(request))
    const now = readClock(clock)
    const revocation = checkLogoutToken(token, audience, now)
    const issuer = await options.issuer.checkSignature(token, withoutRequest(now, report))
    const id = [issuer, token.claims['jti']] as const
    await used.refuse(id)
    await authenticator.revoke({ ...revocation, issuer })
    // Only now: a token whose revocation failed may be sent again.
    await used.keep(id)
  }

  return async (request) => {
    if (request.method !== 'POST') return answer(405, { allow: 'POST' })
    try {
      await logOut(request)
      return answer(200)
    } catch (thrown) {
      const requestId = crypto.randomUUID()
      const { code, reason, failure } = withFailure(thrown, named(options.issuer), {
        requestId,
      })
      report({ type: 'refused', code, reason, failure, requestId })
      const headers = { 'x-request-id': requestId }
      return code === 'TOK' ? answer(400, headers) : answer(503, { 'retry-after': '5', ...headers })
    }
  }
}

async function readLogoutToken(request: Request): Promise<string> {
  const type = request.headers.get('content-type') ?? ''
  if (!formType.test(type)) throw refused('logout_request')
  const [token, ...more] = new URLSearchParams(await readText(request)).getAll('logout_token')
  if (token === undefined || more.length > 0) throw refused('logout_request')
  return token
}

async function readText(request: Request): Promise<string> {
  const body = await readBounded(request, maxBodyBytes, () => refused('logout_request'))
  return new TextDecoder().decode(body)
}

type LoggedOut =
  | { readonly sessionId: string; readonly subjectWithoutSession?: string }
  | { readonly subject: string }

/**
 * Validates a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6), except for its
 * signature, its issuer and its first use.
 *
 * @returns whom it logs out
 * @throws IdentityError `TOK`
 */
function checkLogoutToken(token: ParsedToken, audience: string, now: number): LoggedOut {
  const { claims, type } = token
  if (type !== undefined && type !== 'logout+jwt' && type !== 'jwt') {
    throw refused('logout_type', { expected: ['logout+jwt', 'JWT'] })
  }
  const events = claims['events']
  if (!isRecord(events) || !isRecord(events[logoutEvent])) {
    throw refused('logout_event', { claim: 'events', expected: [logoutEvent] })
  }
  // An ID token has one: it must never pass for a logout token.
  if ('nonce' in claims) throw refused('logout_nonce', { claim: 'nonce' })
  const named = claims['aud']
  if (named !== audience && !(Array.isArray(named) && named.includes(audience))) {
    throw refused('logout_audience', { claim: 'aud', expected: [audience] })
  }
  checkTimes(claims, now)
  if (!isText(claims['jti'])) throw refused('logout_jti', { claim: 'jti' })
  return readLoggedOut(claims)
}

function checkTimes(claims: ParsedToken['claims'], now: number): void {
  if (readTime(claims, 'exp') === undefined) throw refused('logout_exp', { claim: 'exp' })
  checkValidity(claims, { now, skewSeconds })
  const issuedAt = readTime(claims, 'iat')
  if (issuedAt === undefined || issuedAt > now + skewSeconds || issuedAt < now - maxAgeSeconds) {
    throw refused('logout_iat', { claim: 'iat', expected: [maxAgeSeconds] })
  }
}

function readLoggedOut({ sid, sub }: ParsedToken['claims']): LoggedOut {
  if (sid !== undefined && !isText(sid)) throw refused('logout_subject', { claim: 'sid' })
  if (sub !== undefined && !isText(sub)) throw refused('logout_subject', { claim: 'sub' })
  if (isText(sid)) return { sessionId: sid, ...(isText(sub) && { subjectWithoutSession: sub }) }
  if (isText(sub)) return { subject: sub }
  throw refused('logout_subject', { claim: 'sub' })
}

type TokenUse = readonly [issuer: string, tokenId: unknown]

interface UsedTokens {
  /** @throws IdentityError `TOK` when a token with this id was used */
  refuse(id: TokenUse): Promise<void>
  keep(id: TokenUse): Promise<void>
}

function usedTokens(store: Store): UsedTokens {
  const toKey = async (id: TokenUse): Promise<string> =>
    `logout:${await textDigest(JSON.stringify(id))}`
  return {
    async refuse(id) {
      if ((await store.get(await toKey(id))) !== undefined)
        throw refused('logout_replayed', { claim: 'jti' })
    },
    async keep(id) {
      const [issuer] = id
      await store.add(await toKey(id), '', maxAgeSeconds + 2 * skewSeconds, [issuer])
    },
  }
}

function withoutRequest(now: number, report: Context['report']): Context {
  const never = (): Promise<never> => Promise.reject(refused('logout_request'))
  return { now, report, issuerName: (name) => name, confirm: never, checkRevoked: never }
}

function answer(status: number, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers: { 'cache-control': 'no-store', ...headers } })
}

function refused(reason: RefusalReason, failure: RefusalDetail = {}): IdentityError {
  return new IdentityError('TOK', { reason, failure })
}
