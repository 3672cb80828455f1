import { basicAuthorization, isRecord, readBounded, secureUrl } from '@onbehalf/core/internal'
import { InterceptorRefusal } from '../refusal.ts'

/** The gateway as OAuth client of an authorization server. */
export interface OAuthClientOptions {
  /** `https`; `http` on loopback only. Of Cognito: the user pool domain and `/oauth2/token`. */
  readonly tokenEndpoint: string
  readonly clientId: string
  /** The secret, or a function that returns it. It is called for every token request: keep what it fetched. */
  readonly clientSecret: string | (() => string | Promise<string>)
  /** `client_secret_basic` (default), or `client_secret_post`. */
  readonly clientAuthentication?: 'basic' | 'post'
  /** Scopes to ask for. Default none, and the authorization server decides. */
  readonly scopes?: readonly string[]
  /** Further parameters of every token request, for example `resource` or `audience`. */
  readonly parameters?: Readonly<Record<string, string>>
  /** Seconds for one token request, above 0 and at most 30. Default 4. */
  readonly timeoutSeconds?: number
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch
}

/** What the token endpoint issued. */
export interface IssuedToken {
  readonly token: string
  /** Seconds from now; 0 if the answer does not say. */
  readonly expiresInSeconds: number
}

/** Asks for a token with parameters of the current call. */
export type RequestToken = (parameters: Readonly<Record<string, string>>) => Promise<IssuedToken>

const maxAnswerBytes = 64 * 1024

/**
 * By hand, and not by an OAuth client library: the code of a Lambda stays small, its secret may come from
 * a function at each request, and an answer is sorted into what the caller can change and what not.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function tokenEndpoint(options: OAuthClientOptions): RequestToken {
  const { clientAuthentication = 'basic', timeoutSeconds = 4, scopes = [], parameters } = options
  const url = secureUrl(options.tokenEndpoint, 'tokenEndpoint')
  if (typeof options.clientId !== 'string' || options.clientId === '') {
    throw new TypeError('clientId is required')
  }
  if (
    !['string', 'function'].includes(typeof options.clientSecret) ||
    options.clientSecret === ''
  ) {
    throw new TypeError('clientSecret is required')
  }
  if (clientAuthentication !== 'basic' && clientAuthentication !== 'post') {
    throw new TypeError("clientAuthentication must be 'basic' or 'post'")
  }
  if (!(timeoutSeconds > 0 && timeoutSeconds <= 30)) {
    throw new TypeError('timeoutSeconds must be above 0 and at most 30')
  }
  const fixed = { ...parameters, ...(scopes.length > 0 && { scope: scopes.join(' ') }) }
  return async (own) => {
    try {
      const init = await toRequest(options, { ...fixed, ...own })
      const signal = AbortSignal.timeout(timeoutSeconds * 1000)
      const { fetch: send = fetch } = options
      return await readAnswer(await send(url, { ...init, redirect: 'manual', signal }))
    } catch (thrown) {
      // What `fetch` or `clientSecret` threw may quote the request.
      if (thrown instanceof InterceptorRefusal) throw thrown
      throw new InterceptorRefusal('token_unavailable', 'request_failed')
    }
  }
}

async function toRequest(
  { clientId, clientSecret, clientAuthentication = 'basic' }: OAuthClientOptions,
  parameters: Readonly<Record<string, string>>,
): Promise<RequestInit> {
  const secret = typeof clientSecret === 'string' ? clientSecret : await clientSecret()
  const body = new URLSearchParams(parameters)
  const headers = new Headers({ accept: 'application/json' })
  if (clientAuthentication === 'basic')
    headers.set('authorization', basicAuthorization(clientId, secret))
  else {
    body.set('client_id', clientId)
    body.set('client_secret', secret)
  }
  return { method: 'POST', headers, body }
}

// RFC 6749 section 5.2, and section 4.1.2.1: what is about the caller and not about this client.
const aboutCaller: ReadonlySet<unknown> = new Set([
  'access_denied',
  'consent_required',
  'interaction_required',
  'invalid_grant',
  'invalid_request',
  'invalid_target',
])
const tokenShape = /^[A-Za-z0-9._~+/-]+=*$/

async function readAnswer(response: Response): Promise<IssuedToken> {
  const answer = await readJson(response)
  const { access_token: token, token_type: type, expires_in: seconds, error } = answer
  if (response.status !== 200) {
    const refused = response.status === 400 && aboutCaller.has(error)
    if (refused) throw new InterceptorRefusal('token_refused')
    throw new InterceptorRefusal('token_unavailable', `status_${response.status}`)
  }
  const isBearer = typeof type === 'string' && type.toLowerCase() === 'bearer'
  if (!isBearer || typeof token !== 'string' || !tokenShape.test(token)) {
    throw new InterceptorRefusal('token_unavailable', 'no_token')
  }
  const lifetime = Number(seconds)
  return { token, expiresInSeconds: lifetime > 0 ? lifetime : 0 }
}

async function readJson(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const tooLarge = (): Error => new InterceptorRefusal('token_unavailable', 'answer_too_large')
  const body = await readBounded(response, maxAnswerBytes, tooLarge)
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(body))
    return isRecord(json) ? json : {}
  } catch {
    return {}
  }
}
