import { Exchange, exchanges } from '../ambient/exchange.ts'
import type { MessageExtra } from '../wire/transport.ts'
import { createFaultAnswer } from './server-fault.ts'

type Handle = (...input: unknown[]) => Promise<unknown>

interface WebTransport {
  /** Streamable HTTP, with a web `Request`. */
  handleRequest?: Handle
  /** The transport that `createMcpHandler` of SDK v2 makes for one request. */
  handleMessage?: Handle
}

/**
 * Holds the HTTP answer to a request until it is known whether the call may run, and gives it the
 * status that it would have if that had been known at once:
 *
 * - 503 for a call that cannot be recorded, and not the 200 of a stream that has begun;
 * - what SDK v2 answers to errors of the 2026-07-28 revision, such as 404 for an unknown method.
 *
 * The Node transports of both SDK generations are a shell around a web one, which no public member
 * shows. Should it be gone, the refusal is a JSON-RPC error with the status 200.
 */
export function holdAnswer(transport: object): void {
  const { _webStandardTransport: inner } = transport as { _webStandardTransport?: WebTransport }
  const web = inner ?? (transport as WebTransport)
  // What the transport will say of each message: SDK v2 the request, SDK v1 only its `AuthInfo`.
  const key = 'setScopeChallengeResolver' in web ? requestIn : authInfoIn
  if (web.handleRequest) web.handleRequest = held(web.handleRequest.bind(web), key, noStatuses)
  if (web.handleMessage) web.handleMessage = held(web.handleMessage.bind(web), extraIn, statuses)
}

type Key = (input: readonly unknown[]) => unknown

const requestIn: Key = ([request]) => request
const extraIn: Key = ([, extra]) => (extra as MessageExtra | undefined)?.request
// In other forms of input the second value may be a body, which the caller wrote.
const authInfoIn: Key = ([request, options]) =>
  request instanceof Request ? (options as MessageExtra | undefined)?.authInfo : undefined

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
    if (!(answer instanceof Response)) return answer
    if (exchange.isUndecided) await exchange.decided()
    const { failure } = exchange
    if (failure === undefined) return withStatus(answer, known.get(exchange.protocolError))
    await answer.body?.cancel()
    const fault = createFaultAnswer(failure)
    return new Response(fault.body, { status: fault.status, headers: fault.headers })
  }
}

/** A stream that has begun keeps its status. */
function withStatus(answer: Response, status: number | undefined): Response {
  if (status === undefined) return answer
  const { body, headers } = answer
  const isStream = headers.get('content-type') === 'text/event-stream'
  return isStream ? answer : new Response(body, { status, headers })
}
