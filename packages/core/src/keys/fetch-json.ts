import { withDeadline } from '../internal/promises.ts'
import { readBounded } from '../internal/read-bounded.ts'
import { asking, FetchError, reasonOf, withoutQuery } from './fetch-error.ts'

const maxBodyBytes = 256 * 1024

/** How documents are fetched. */
export interface FetchOptions {
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch
  /**
   * Seconds from the first connection to the last byte, over every document that one refresh needs:
   * above 0, 30 at most. Default 4.
   */
  readonly timeoutSeconds?: number
}

/** How a document is fetched under the caller's time limit. */
interface RequestOptions extends Pick<FetchOptions, 'fetch'> {
  readonly signal: AbortSignal
}

// Some servers answer 406 without the one or the other, and 403 to a client without a name.
const acceptJson: RequestInit = {
  headers: { accept: 'application/json, application/jwk-set+json', 'user-agent': 'onbehalf' },
}

// `no-store`: a framework that caches fetches would keep a withdrawn key alive.
const always = { redirect: 'manual', credentials: 'omit' } as const
const noStore: object = { cache: 'no-store' }
const uncached: RequestInit = hasCacheMode() ? { ...always, ...noStore } : always

/** Cloudflare Workers of an older compatibility date throw at a cache mode, and cache nothing. */
function hasCacheMode(): boolean {
  try {
    void new Request('https://localhost', noStore)
    return true
  } catch {
    return false
  }
}

/** @throws TypeError */
export function toTimeoutSeconds(seconds = 4): number {
  if (seconds > 0 && seconds <= 30) return seconds
  throw new TypeError('timeoutSeconds must be above 0 and at most 30')
}

/**
 * @param asked the address that is being asked when the time is up
 * @throws FetchError `timeout`
 */
export function inTime<T>(
  seconds: number,
  work: (signal: AbortSignal) => Promise<T>,
  asked: () => URL,
): Promise<T> {
  return withDeadline(seconds, work, () => {
    const late = new FetchError('timeout')
    late.url = withoutQuery(asked())
    return late
  })
}

/**
 * Fetches a document from a server that may misbehave: status 200 only, no redirects, 256 KiB of
 * decoded body at most, and one time limit over the whole exchange.
 *
 * @throws FetchError
 */
export function fetchDocument(
  url: URL,
  options: FetchOptions,
  init: RequestInit = acceptJson,
): Promise<Uint8Array> {
  const { timeoutSeconds, ...rest } = options
  return inTime(
    toTimeoutSeconds(timeoutSeconds),
    (signal) => asking(url, () => exchange(url, { ...rest, signal }, init)),
    () => url,
  )
}

/**
 * Fetches a JSON document by the rules of {@link fetchDocument}, except for the time limit: that is
 * the signal's part.
 *
 * @throws FetchError
 */
export function fetchJson(url: URL, options: RequestOptions): Promise<unknown> {
  return asking(url, async () => parse(await exchange(url, options, acceptJson)))
}

async function exchange(url: URL, options: RequestOptions, init: RequestInit): Promise<Uint8Array> {
  const response = await send(url, options, init)
  if (response.status === 200) return read(response)
  // Unread bodies hold their connection. That one fails to close changes nothing about the refusal.
  response.body?.cancel().catch(() => undefined)
  throw new FetchError(`status_${response.status}`)
}

async function send(url: URL, options: RequestOptions, init: RequestInit): Promise<Response> {
  const { fetch: get = fetch, signal } = options
  try {
    return await get(url, { ...init, ...uncached, signal })
  } catch (cause) {
    throw new FetchError(reasonOf(cause), cause)
  }
}

async function read(response: Response): Promise<Uint8Array> {
  try {
    return await readBounded(response, maxBodyBytes, () => new FetchError('too_large'))
  } catch (cause) {
    if (cause instanceof FetchError) throw cause
    throw new FetchError('unreadable', cause)
  }
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch (cause) {
    throw new FetchError('not_json', cause)
  }
}
