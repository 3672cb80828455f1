import { deliveryOf } from '../ambient/channels.ts'
import type { Connectable } from '../wire/transport.ts'
import type { AnyHandler } from './guarded.ts'

interface Handling {
  setRequestHandler: (...given: unknown[]) => unknown
  fallbackRequestHandler?: unknown
  readonly _requestHandlers?: unknown
}

/**
 * Has every request handler of a server leave with its request what it returned. SDKs drop the answer
 * to a request that was cancelled, whose handler may have done what it was called for.
 *
 * No public member lists the handlers that a server has. Should the private one go, a cancelled call
 * of a handler that is older than the gate counts as cancelled, however it ended.
 */
export function followHandlers(low: Connectable): void {
  const server = low as unknown as Handling
  const { setRequestHandler, _requestHandlers: kept } = server
  if (kept instanceof Map) for (const [method, handler] of kept) kept.set(method, followed(handler))
  server.setRequestHandler = (...given) =>
    setRequestHandler.call(server, ...given.slice(0, -1), followed(given.at(-1)))
  let fallback = followed(server.fallbackRequestHandler)
  Object.defineProperty(server, 'fallbackRequestHandler', {
    get: () => fallback,
    set: (handler: unknown) => {
      fallback = followed(handler)
    },
    configurable: true,
    enumerable: true,
  })
}

function followed(handler: unknown): unknown {
  if (typeof handler !== 'function') return handler
  return (...params: unknown[]) => {
    const returned = (handler as AnyHandler)(...params)
    const open = deliveryOf(params.at(-1))?.open
    if (open !== undefined) open.handled = { returned, signal: signalOf(params.at(-1)) }
    return returned
  }
}

/** Of a context of either SDK generation. */
function signalOf(context: unknown): AbortSignal | undefined {
  const { signal, mcpReq } = (context ?? {}) as {
    signal?: AbortSignal
    mcpReq?: { signal?: AbortSignal }
  }
  return signal ?? mcpReq?.signal
}
