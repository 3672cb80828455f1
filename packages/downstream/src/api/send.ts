import { isRedirect } from '../oauth/bounded-fetch.ts'
import { GrantFault } from '../oauth/fault.ts'
import { pauseSeconds, wait } from '../oauth/retrying.ts'

/** One request to an API, before a token is added. */
export interface ApiRequest {
  readonly url: URL
  readonly init: RequestInit
  /** A copy of the handler's: the token is put into it. */
  readonly headers: Headers
}

export interface Sending {
  readonly fetch: typeof fetch | undefined
  readonly timeoutSeconds: number
}

const never = { redirect: 'manual', credentials: 'omit' } as const
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
const maxAttempts = 3
// A longer pause is for the caller to decide on.
const maxPauseSeconds = 5

// What would send the request, or a credential, another way than this package does.
const ownHeaders = ['authorization', 'proxy-authorization', 'cookie', 'host', 'x-forwarded-host']

/** @throws GrantFault `TARGET` for a header that is not the handler's to set */
export function toHeaders(given: RequestInit['headers']): Headers {
  const headers = new Headers(given)
  if (ownHeaders.some((name) => headers.has(name))) {
    throw new GrantFault('TARGET', { reason: 'header_not_allowed' })
  }
  return headers
}

/** Whether a request can be sent twice: streams are gone once they were read. */
export function isReplayable({ init: { body } }: ApiRequest): boolean {
  const isWhole =
    body === undefined ||
    body === null ||
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob
  return isWhole || body instanceof FormData
}

/**
 * Sends a request with a token. A busy API (429, 503) is asked again, twice at most, where the
 * request may be repeated.
 *
 * @throws GrantFault `TARGET` for a redirect, `DOWN` when there is no answer in time
 */
export async function send(request: ApiRequest, token: string, how: Sending): Promise<Response> {
  const method = (request.init.method ?? 'GET').toUpperCase()
  const attempts = repeatable.has(method) && isReplayable(request) ? maxAttempts : 1
  for (let attempt = 1; ; attempt += 1) {
    const response = await sendOnce(request, token, how)
    const isBusy = response.status === 429 || response.status === 503
    if (!isBusy || attempt === attempts) return response
    const pause = pauseSeconds(response, attempt)
    if (pause > maxPauseSeconds) return response
    discard(response)
    await wait(pause, request.init.signal ?? new AbortController().signal)
  }
}

async function sendOnce(
  { url, init, headers }: ApiRequest,
  token: string,
  { fetch: own, timeoutSeconds }: Sending,
): Promise<Response> {
  headers.set('authorization', `Bearer ${token}`)
  const clock = new AbortController()
  const timer = setTimeout(() => clock.abort(), timeoutSeconds * 1000)
  const signal = init.signal ? AbortSignal.any([init.signal, clock.signal]) : clock.signal
  try {
    const response = await (own ?? fetch)(url, { ...init, ...never, headers, signal })
    if (!isRedirect(response)) return response
    discard(response)
  } catch (thrown) {
    if (init.signal?.aborted) throw thrown
    // Its cause may name what was sent.
    throw new GrantFault('DOWN', {
      reason: clock.signal.aborted ? 'api_timeout' : 'api_unreachable',
    })
  } finally {
    clearTimeout(timer)
  }
  throw new GrantFault('TARGET', { reason: 'redirect' })
}

/** Unread bodies hold their connection. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => undefined)
}
