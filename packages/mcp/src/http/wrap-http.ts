import type { Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { Exchange, exchanges } from '../ambient/channels.ts'
import type { SessionOwner } from '../owners/session-owner.ts'
import type { Authentication } from '../protection.ts'
import type { MessageExtra } from '../wire/transport.ts'
import {
  type HttpInput,
  isEventStream,
  isWebRequest,
  isWebResponse,
  readInput,
} from './read-input.ts'
import { createFault, toResponse } from './refusals.ts'
import type { StreamExpiry } from './stream-expiry.ts'

type Handle = (...input: unknown[]) => Promise<unknown>

interface HttpTransport {
  /** Streamable HTTP. */
  handleRequest?: Handle
  /** The transport that `createMcpHandler` of SDK v2 makes for one request. */
  handleMessage?: Handle
  /** The older HTTP and SSE transport. */
  handlePostMessage?: Handle
}

/** What a transport is wrapped with. */
export interface HttpWrap {
  /** Absent where `AuthInfo` arrives with the request. */
  readonly authentication: Authentication | undefined
  readonly session: SessionOwner
  readonly streams: StreamExpiry
  /** Whether earlier events of this transport are known to be its own. */
  readonly resumesSafely: boolean
  /** A request was sent into another caller's session. */
  onForeign(method: string, identity: Identity | undefined): Promise<void> | undefined
}

// To the byte what the transports of both SDK generations answer for a session they do not know.
const sessionNotFound = {
  status: 404,
  headers: { 'content-type': 'application/json' },
  body: '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}',
}

/**
 * Wraps an HTTP transport on both sides. In front, where GET and DELETE pass, which never become
 * messages:
 *
 * - a request without a verified identity is authenticated, or refused;
 * - another caller's session is answered as one that does not exist;
 * - a stream ends with the identity that opened it.
 *
 * Behind, it holds the answer until it is known whether the call may run, and gives it the status
 * that it would have if that had been known at once: 503 for a call that cannot be recorded, 401 and
 * 403 for one that an identity or a consent would allow, and what SDK v2 answers to errors of the
 * 2026-07-28 revision, such as 404 for an unknown method.
 *
 * The Node transports of both SDK generations are a shell around a web one, which no public member
 * shows. Should it be gone, a refusal is a JSON-RPC error with the status 200.
 */
export function wrapHttp(transport: object, wrap: HttpWrap): void {
  const outer = transport as HttpTransport & { _webStandardTransport?: HttpTransport }
  const web = outer._webStandardTransport ?? outer
  // What the transport will say of each message: SDK v2 the request, SDK v1 only its `AuthInfo`.
  const key = 'setScopeChallengeResolver' in web ? requestIn : authInfoIn
  if (web.handleRequest) {
    const handle = held(web.handleRequest.bind(web), key, noStatuses)
    web.handleRequest = stillAdmitted(handle, wrap.session)
  }
  if (web.handleMessage) web.handleMessage = held(web.handleMessage.bind(web), extraIn, statuses)
  for (const method of ['handleRequest', 'handlePostMessage'] as const) {
    const handle = outer[method]
    if (handle) outer[method] = inFront(handle.bind(outer), wrap)
  }
}

function inFront(handle: Handle, wrap: HttpWrap): Handle {
  return async (...input) => {
    const http = readInput(input)
    if (http === undefined) {
      // The gate refuses messages without an identity. What opens or ends a stream never gets there.
      if (!wrap.session.isOpen) return handle(...input)
      throw new TypeError('what was given is not a request of Node.js, of the web or of Hono')
    }
    let over: (() => void) | undefined
    try {
      const authInfo = await identify(http, wrap)
      const identity = identityOfAuthInfo(authInfo)
      const isKnown = wrap.session.admits(identity) && (wrap.resumesSafely || !http.resumes)
      if (!isKnown) {
        await wrap.onForeign(`HTTP ${http.method}`, identity)
        return http.answer(sessionNotFound)
      }
      input = [...(authInfo === http.authInfo ? input : http.withAuthInfo(authInfo))]
      if (http.method === 'GET') over = wrap.streams.opened(identity)
    } catch (thrown) {
      return http.answer(wrap.authentication?.refuse(thrown) ?? createFault(thrown))
    }
    return over ? http.untilOver(() => handle(...input), over) : handle(...input)
  }
}

/**
 * Refuses a stream whose session was found to be another caller's while it was being opened: an
 * anonymous session belongs to the first identity that speaks in it.
 */
function stillAdmitted(handle: Handle, session: SessionOwner): Handle {
  return async (...input) => {
    const answer = await handle(...input)
    const [request, options] = input
    if (!isWebRequest(request) || request.method !== 'GET' || !isWebResponse(answer)) return answer
    const { authInfo } = (options ?? {}) as MessageExtra
    if (session.admits(identityOfAuthInfo(authInfo))) return answer
    await answer.body?.cancel()
    return toResponse(sessionNotFound)
  }
}

async function identify(http: HttpInput, { authentication }: HttpWrap): Promise<unknown> {
  const { authInfo } = http
  if (authentication === undefined || identityOfAuthInfo(authInfo) !== undefined) return authInfo
  return authentication.authenticate(http.credentials)
}

type Key = (input: readonly unknown[]) => unknown

const requestIn: Key = ([request]) => request
const extraIn: Key = ([, extra]) => (extra as MessageExtra | undefined)?.request
// In other forms of input the second value may be a body, which the caller wrote.
const authInfoIn: Key = ([request, options]) =>
  isWebRequest(request) ? (options as MessageExtra | undefined)?.authInfo : undefined

type Statuses = ReadonlyMap<number | undefined, number>

const noStatuses: Statuses = new Map()

// Those of SDK v2 for errors that are found before a handler runs.
const statuses: Statuses = new Map([
  [-32_601, 404],
  [-32_700, 400],
  [-32_600, 400],
  [-32_020, 400],
  [-32_021, 400],
  [-32_022, 400],
])

function held(handle: Handle, key: Key, known: Statuses): Handle {
  return async (...input) => {
    const exchange = new Exchange()
    const answer = await exchanges.carry(key(input), exchange, () => handle(...input))
    if (!isWebResponse(answer)) return answer
    if (exchange.isUndecided) await exchange.decided()
    const status = known.get(exchange.atOnce?.code)
    // A stream may have been opened before the SDK was asked.
    const error =
      status !== undefined && isEventStream(answer) ? await exchange.atOnce?.answer : undefined
    const begun = exchange.canBeRefusedLater ? await begin(answer) : answer
    const { refusal } = exchange
    if (refusal === undefined && error === undefined) return withStatus(begun, status)
    await begun.body?.cancel()
    return refusal ? toResponse(refusal) : Response.json(error, { status: status ?? 200 })
  }
}

/**
 * Waits until a stream has begun: until then a handler may find that its caller has to sign in again,
 * which only the status of the answer can say.
 */
async function begin(answer: Response): Promise<Response> {
  if (answer.body === null || !isEventStream(answer)) return answer
  const { status, headers } = answer
  const reader = answer.body.getReader()
  let next: ReturnType<typeof reader.read> | undefined = Promise.resolve(await reader.read())
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await (next ?? reader.read())
      next = undefined
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
  return new Response(body, { status, headers })
}

function withStatus(answer: Response, status: number | undefined): Response {
  const { body, headers } = answer
  return status === undefined ? answer : new Response(body, { status, headers })
}
