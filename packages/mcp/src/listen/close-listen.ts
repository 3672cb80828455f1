import { warnOnce } from '../warn.ts'
import { isRegistering } from '../wire/registering.ts'
import type { Connectable } from '../wire/transport.ts'

type Capabilities = Readonly<Record<string, unknown>>

interface WithCapabilities {
  getCapabilities?: () => Capabilities
  getNegotiatedProtocolVersion?: () => string | undefined
}

const closed =
  'subscriptions/listen is refused on a server that was protected by hand; ' +
  'serve it with protectedHandler or protectedStdio'

/**
 * Closes `subscriptions/listen` of SDK v2 on a server that was protected by hand. Its entries serve
 * the streams before a message reaches any gate, for a server that is not connected yet, and honor
 * only what that server says it can do.
 */
export function closeListen(low: Connectable): void {
  const server = low as WithCapabilities
  const { getCapabilities } = server
  if (typeof getCapabilities !== 'function') return
  server.getCapabilities = () => {
    const capabilities = getCapabilities.call(server)
    if (low.transport !== undefined || isRegistering(low)) return capabilities
    warnOnce(closed, 'ONBEHALF_LISTEN_CLOSED')
    // On stdio an entry asks before it connects the server, and opens streams later: those stay empty.
    const isOfLine = server.getNegotiatedProtocolVersion?.() !== undefined
    return isOfLine ? { ...capabilities, ...none } : Object.defineProperties({}, unreadable)
  }
}

/** An entry that decides on the streams serves the server. */
export function openListen(low: Connectable): void {
  Reflect.deleteProperty(low, 'getCapabilities')
}

const none = { tools: {}, prompts: {}, resources: {} }

// Over HTTP an entry reads what a stream asks for, and answers 500 where that throws.
const unreadable: PropertyDescriptorMap = Object.fromEntries(
  Object.keys(none).map((name) => [name, { enumerable: true, get: refuse }]),
)

function refuse(): never {
  throw new Error(closed)
}
