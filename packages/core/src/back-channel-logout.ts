import type { Context } from './context.ts'
import { textDigest } from './digest.ts'
import { asIdentityError, IdentityError } from './errors.ts'
import type { SigningIssuer } from './issuer.ts'
import type { Revocation } from './revocation.ts'
import { guardedStore } from './stores/guarded-store.ts'
import type { Store } from './stores/store.ts'
import { checkValidity, readTime } from './token/check-validity.ts'
import { isPlainObject } from './token/parse-json.ts'
import { type ParsedToken, parseToken } from './token/parse-token.ts'

/** OpenID Connect Back-Channel Logout 1.0, section 2.4. */
const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout'
const maxAgeSeconds = 120
const skewSeconds = 30
const maxBodyLength = 32_768

export interface BackChannelLogoutOptions {
  /** Where revocations go: the authenticator of this server. */
  readonly authenticator: { revoke(revocation: Revocation): Promise<void> }
  /** Who signs logout tokens. */
  readonly issuer: SigningIssuer<unknown>
  /** Client id under which this server is registered for back-channel logout. */
  readonly audience: string
  /** Remembers logout tokens that were used. */
  readonly store: Store
  /** Seconds since 1970. Default: the system clock. */
  readonly clock?: () => number
}

/**
 * An endpoint for OpenID Connect Back-Channel Logout: the issuer posts a logout token, and the
 * tokens of that session (or, without `sid`, of that subject) are refused from then on.
 *
 * Answers 200, 400 for a token that is refused, 405, or 503 when it cannot be verified or kept.
 *
 * @throws TypeError when `audience` is empty
 */
export function backChannelLogout(
  options: BackChannelLogoutOptions,
): (request: Request) => Promise<Response> {
  const { authenticator, clock = () => Date.now() / 1000 } = options
  if (!options.audience) throw new TypeError('audience is required')
  const rules = { ...options, store: guardedStore(options.store) }

  return async (request) => {
    if (request.method !== 'POST') return answer(405, { allow: 'POST' })
    try {
      const token = parseToken(await readLogoutToken(request))
      await authenticator.revoke(await verifyLogoutToken(token, rules, clock()))
      return answer(200)
    } catch (thrown) {
      const { code } = asIdentityError(thrown)
      return code === 'DOWN' ? answer(503, { 'retry-after': '5' }) : answer(400)
    }
  }
}

async function readLogoutToken(request: Request): Promise<string> {
  const type = request.headers.get('content-type') ?? ''
  const body = type.startsWith('application/x-www-form-urlencoded') ? await readText(request) : ''
  const [token, ...more] = new URLSearchParams(body).getAll('logout_token')
  if (token === undefined || more.length > 0) throw refused('logout_request')
  return token
}

async function readText(request: Request): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of request.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (text.length > maxBodyLength) throw refused('logout_request')
  }
  return text
}

/**
 * Validates a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6).
 *
 * @returns what it revokes
 * @throws IdentityError `TOK`, `DOWN`
 */
async function verifyLogoutToken(
  token: ParsedToken,
  rules: Pick<BackChannelLogoutOptions, 'issuer' | 'audience' | 'store'>,
  now: number,
): Promise<Revocation> {
  const { claims } = token
  if (token.type !== undefined && token.type !== 'logout+jwt' && token.type !== 'jwt') {
    throw refused('logout_type')
  }
  checkLogoutClaims(claims, rules.audience, now)
  const issuer = await rules.issuer.checkSignature(token, withoutRequest(now))
  await checkUnused(issuer, claims['jti'], rules.store)
  const { sid, sub } = claims
  if (typeof sid === 'string' && sid !== '') return { issuer, session: sid }
  if (typeof sub === 'string' && sub !== '') return { issuer, subject: sub }
  throw refused('logout_subject')
}

function checkLogoutClaims(claims: ParsedToken['claims'], audience: string, now: number): void {
  const events = claims['events']
  if (!isPlainObject(events) || !isPlainObject(events[logoutEvent])) throw refused('logout_event')
  if ('nonce' in claims) throw refused('logout_nonce')
  const named = claims['aud']
  if (named !== audience && !(Array.isArray(named) && named.includes(audience))) {
    throw refused('logout_audience')
  }
  checkValidity(claims, { now, skewSeconds })
  const issuedAt = readTime(claims, 'iat')
  if (issuedAt === undefined || Math.abs(now - issuedAt) > maxAgeSeconds)
    throw refused('logout_iat')
}

async function checkUnused(issuer: string, id: unknown, store: Store): Promise<void> {
  if (typeof id !== 'string' || id === '') throw refused('logout_jti')
  const key = `logout:${await textDigest(JSON.stringify([issuer, id]))}`
  if (!(await store.add(key, '', 2 * maxAgeSeconds))) throw refused('logout_replayed')
}

function withoutRequest(now: number): Context {
  const never = (): Promise<never> => Promise.reject(refused('logout_request'))
  return { now, report: () => {}, confirm: never, checkRevoked: never }
}

function answer(status: number, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers: { 'cache-control': 'no-store', ...headers } })
}

function refused(reason: string): IdentityError {
  return new IdentityError('TOK', { reason })
}
