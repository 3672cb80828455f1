import { Exchange, exchanges } from '../wire/exchange.ts'
import { createFaultAnswer } from './server-fault.ts'

type Handle = (...input: unknown[]) => Promise<unknown>

interface WebTransport {
  /** Streamable HTTP, with a web `Request`. */
  handleRequest?: Handle
  /** The transport that `createMcpHandler` of SDK v2 makes for one request. */
  handleMessage?: Handle
}

/**
 * Holds the HTTP answer to a request until it is known whether the call may run, so that a call which
 * cannot be recorded is answered with 503 and not with the 200 of a stream that has begun.
 *
 * The Node transports of both SDK generations are a shell around a web one, which no public member
 * shows. Should it be gone, the refusal is a JSON-RPC error with the status 200.
 */
export function holdAnswer(transport: object): void {
  const { _webStandardTransport: inner } = transport as { _webStandardTransport?: WebTransport }
  const web = inner ?? (transport as WebTransport)
  if (web.handleRequest) web.handleRequest = held(web.handleRequest.bind(web))
  if (web.handleMessage) web.handleMessage = held(web.handleMessage.bind(web))
}

function held(handle: Handle): Handle {
  return async (...input) => {
    const exchange = new Exchange()
    const answer = await exchanges.run(exchange, () => handle(...input))
    if (!(answer instanceof Response)) return answer
    const failure = await exchange.failure()
    if (failure === undefined) return answer
    await answer.body?.cancel()
    const { status, headers, body } = createFaultAnswer(failure)
    return new Response(body, { status, headers })
  }
}
