import { warnOnce } from '../warn.ts'
import { isRegistering } from '../wire/registering.ts'
import type { Connectable } from '../wire/transport.ts'

interface WithCapabilities {
  getCapabilities?: () => Readonly<Record<string, unknown>>
}

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
    warnOnce(
      'subscriptions/listen opens no subscription on a server that was protected by hand; ' +
        'serve it with protectedHandler or protectedStdio',
      'ONBEHALF_LISTEN_CLOSED',
    )
    return { ...capabilities, tools: {}, prompts: {}, resources: {} }
  }
}

/** An entry that decides on the streams serves the server. */
export function openListen(low: Connectable): void {
  Reflect.deleteProperty(low, 'getCapabilities')
}
