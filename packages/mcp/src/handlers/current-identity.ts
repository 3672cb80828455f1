import { AsyncLocalStorage } from 'node:async_hooks'
import type { Identity } from '@onbehalf/core'
import type { Deny } from '@onbehalf/core/guards'
import type { Exchange } from '../wire/exchange.ts'
import type { OpenRequest } from '../wire/open-requests.ts'

/** What code below a message's handler can learn about that message. */
export interface Delivery {
  readonly identity: Identity | undefined
  readonly method?: string | undefined
  /** The request being served, by which its answer is known again. */
  readonly open?: OpenRequest
  /** The HTTP request on its way to the gate, before anything in it was looked at. */
  readonly exchange?: Exchange
  readonly now?: () => number
  /** Hears that the guard of the handler itself refused the request. */
  readonly refused?: (decision: Deny) => Promise<void> | undefined
  /** Hears that the handler threw. */
  readonly threw?: () => void
}

export const deliveries: AsyncLocalStorage<Delivery> = new AsyncLocalStorage()

/**
 * The identity of the call being served, from anywhere below its handler: no context to pass
 * through. Undefined outside a call, and for a caller without a valid identity.
 *
 * Available inside guarded handlers on any server, and everywhere below a server that `protect`
 * watches. A convenience for logs and data access: guards never read it. Work that outlives the
 * call, such as a timer or a queue, keeps the identity of the call that started it.
 */
export function currentIdentity(): Identity | undefined {
  return deliveries.getStore()?.identity
}

/** Seconds since 1970, by the clock of the server that delivered the message. */
export function currentTime(): number {
  return deliveries.getStore()?.now?.() ?? systemTime()
}

/** Seconds since 1970. */
export function systemTime(): number {
  return Date.now() / 1000
}
