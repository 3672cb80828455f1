import type { SubjectTokens } from '@onbehalf/core/internal'
import { type Caller, type VerifiedCaller, verifyCaller } from '../caller.ts'
import { GrantFault } from '../oauth/fault.ts'
import { AccessToken } from '../tokens/access-token.ts'
import type { TokenCache } from '../tokens/token-cache.ts'
import { type FoundToken, type TokenNeed, TokenSource } from '../tokens/token-source.ts'
import { toAddress } from './address.ts'
import type { CallRecord } from './call-record.ts'
import { type ApiChallenge, readChallenge } from './challenge.ts'
import type { ApiSettings } from './options.ts'
import type { Reporter } from './reporter.ts'
import { type ApiRequest, discard, isReplayable, send, toHeaders } from './send.ts'

/** An API that handlers call on behalf of the caller, without a token. */
export interface DownstreamApi {
  /**
   * `fetch` with a token for the caller. `path` begins with `/` and is below the base URL of the API;
   * a whole URL has to be as well. Redirects are refused, and so are credentials of the handler's own.
   *
   * A token that the API refuses with 401 is dropped, and the request is sent once more with a new
   * one, if its body is not a stream.
   *
   * @throws DownstreamError
   */
  fetch(caller: Caller, path: string | URL, init?: RequestInit): Promise<Response>
  /** A `fetch` for client libraries, which is `fetch` for one caller. */
  fetchAs(caller: Caller): typeof fetch
  /**
   * The token itself, for APIs with `allowTokenAccess`.
   *
   * @throws DownstreamError
   * @throws TypeError for any other API
   */
  token(caller: Caller): Promise<AccessToken>
}

export interface ApiParts {
  readonly settings: ApiSettings
  readonly subjectTokens: SubjectTokens
  readonly cache: TokenCache
  readonly reporter: Reporter
}

export function createApi({ settings, subjectTokens, cache, reporter }: ApiParts): DownstreamApi {
  const { name, grant, target, base } = settings
  const scope = { server: subjectTokens.resource, api: name, grant, target }
  const onObtained: Reporter['obtained'] = (...what) => reporter.obtained(...what)
  const tokens = new TokenSource({ scope, cache, subjectTokens, onObtained })

  async function find(caller: VerifiedCaller, record: CallRecord, need?: TokenNeed) {
    const found = await tokens.find(caller, need)
    await record.used(found)
    return found
  }

  async function call(
    caller: VerifiedCaller,
    request: ApiRequest,
    record: CallRecord,
  ): Promise<Response> {
    const found = await find(caller, record)
    const response = await send(request, found.token.text, settings)
    const next = needAfter(response, found, isReplayable(request))
    if (next === undefined) return response
    discard(response)
    const again = await find(caller, record, next)
    const second = await send(request, again.token.text, settings)
    needAfter(second, { ...again, isFresh: true }, false)
    return second
  }

  function toRequest(
    { identity }: VerifiedCaller,
    asked: string | URL,
    init: RequestInit,
    { traceparent }: CallRecord,
  ): ApiRequest {
    const headers = toHeaders(init.headers)
    if (traceparent !== undefined && !headers.has('traceparent')) {
      headers.set('traceparent', traceparent)
    }
    if (grant.subjectHeader !== undefined) {
      const { issuer, subject } = identity
      headers.set(
        grant.subjectHeader,
        `${encodeURIComponent(issuer)} ${encodeURIComponent(subject)}`,
      )
    }
    return { url: toAddress(asked, base), init, headers }
  }

  const api: DownstreamApi = {
    fetch: (caller, path, init = {}) =>
      reporter.answering(caller, async (identity, record) => {
        const verified = await verifyCaller(identity, grant, subjectTokens)
        return call(verified, toRequest(verified, path, init, record), record)
      }),
    fetchAs: (caller) => async (input, init) => {
      const isRequest = typeof input === 'object' && 'headers' in input
      return isRequest
        ? api.fetch(caller, input.url, fromRequest(input, init))
        : api.fetch(caller, input, init)
    },
    token: (caller) => {
      if (!settings.allowTokenAccess) {
        return Promise.reject(new TypeError(`apis.${name}: allowTokenAccess is not set`))
      }
      return reporter.answering(caller, async (identity, record) => {
        const found = await find(await verifyCaller(identity, grant, subjectTokens), record)
        return new AccessToken(name, found.token)
      })
    },
  }
  return Object.freeze(api)
}

/**
 * Whether another token may help, and which.
 *
 * @throws GrantFault `STEP_UP`, `SCOPE` for what only the user can change
 */
function needAfter(
  response: Response,
  found: FoundToken,
  mayRepeat: boolean,
): TokenNeed | undefined {
  if (response.status !== 401 && response.status !== 403) return undefined
  const challenge = readChallenge(response)
  const fault = toFault(response.status, challenge)
  if (fault !== undefined) {
    discard(response)
    throw fault
  }
  if (response.status !== 401 || !mayRepeat) return undefined
  const { claims } = challenge
  if (claims !== undefined) return { notThis: found.token, claims }
  return found.isFresh ? undefined : { notThis: found.token }
}

function toFault(status: number, challenge: ApiChallenge): GrantFault | undefined {
  const { error, scopes, acrValues, maxAgeSeconds } = challenge
  if (error === 'insufficient_user_authentication') {
    return new GrantFault('STEP_UP', { reason: error, acrValues, maxAgeSeconds, scopes })
  }
  const lacksScope = status === 403 && error === 'insufficient_scope'
  return lacksScope ? new GrantFault('SCOPE', { reason: error, scopes }) : undefined
}

/** What `fetch` would read of a request and what is laid over it. */
function fromRequest(request: Request, init: RequestInit = {}): RequestInit {
  const { method, headers, body, signal } = request
  const streamed: object = body === null ? {} : { body, duplex: 'half' }
  return { method, headers, signal, ...streamed, ...init }
}
