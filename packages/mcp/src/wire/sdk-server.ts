import type { Connectable } from './transport.ts'

/** What is known of a server, whichever SDK made it. */
export interface SdkServer {
  readonly generation: 'v1' | 'v2'
  /** Whether something answers a method. */
  handles(method: string): boolean
}

interface Handling extends Connectable {
  readonly fallbackRequestHandler?: unknown
  /** Throws for a method that has a handler. */
  assertCanSetRequestHandler?(method: string): void
}

export function sdkServer(low: Connectable): SdkServer {
  const server = low as Handling
  return {
    generation: 'getNegotiatedProtocolVersion' in server ? 'v2' : 'v1',
    handles: (method) => server.fallbackRequestHandler !== undefined || isTaken(server, method),
  }
}

function isTaken(server: Handling, method: string): boolean {
  try {
    server.assertCanSetRequestHandler?.(method)
    return false
  } catch {
    return true
  }
}
