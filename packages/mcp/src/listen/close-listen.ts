import { warnOnce } from '../warn.ts'
import { isRegistering } from '../wire/registering.ts'
import type { Connectable } from '../wire/transport.ts'

interface SdkServer extends Connectable {
  getCapabilities?: () => Readonly<Record<string, unknown>>
  getNegotiatedProtocolVersion?: () => string | undefined
  _serverInfo?: unknown
}

const closed =
  'subscriptions/listen is refused on a server that was protected by hand; ' +
  'serve it with protectedHandler or protectedStdio'

const none = { tools: {}, prompts: {}, resources: {} }

/**
 * Closes `subscriptions/listen` of SDK v2 on a server that was protected by hand. Its entries serve
 * the streams before a message reaches any gate, for a server that is not connected yet: they honor
 * only what that server says it can do, and over HTTP answer 500 where it does not say its name.
 */
export function closeListen(low: Connectable): void {
  const server: SdkServer = low
  const { getCapabilities, _serverInfo: name } = server
  if (typeof getCapabilities !== 'function') return
  let isAsked = false
  server.getCapabilities = () => {
    const capabilities = getCapabilities.call(server)
    if (low.transport !== undefined || isRegistering(low)) return capabilities
    // An entry reads both at once. The name alone is read by other code as well.
    isAsked = true
    queueMicrotask(() => {
      isAsked = false
    })
    return { ...capabilities, ...none }
  }
  const sayName = (): unknown => {
    if (!isAsked) return name
    warnOnce(closed, 'ONBEHALF_LISTEN_CLOSED')
    // On stdio an entry asks before it connects the server, and opens streams later: those stay empty.
    if (server.getNegotiatedProtocolVersion?.() !== undefined) return name
    throw new Error(closed)
  }
  Object.defineProperty(server, '_serverInfo', { configurable: true, get: sayName })
}

/** An entry that decides on the streams serves the server. */
export function openListen(low: Connectable): void {
  const server: SdkServer = low
  if (!Object.hasOwn(server, 'getCapabilities')) return
  delete server.getCapabilities
  Object.defineProperty(server, '_serverInfo', { configurable: true, value: server._serverInfo })
}
