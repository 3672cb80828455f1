import type { Deny } from '@onbehalf/core/guards'
import { Carrier } from './carrier.ts'
import type { OpenRequest } from './open-requests.ts'

/** The server that serves a request, as far as guards and handlers have to do with it. */
export interface ServingRules {
  /** Seconds since 1970. */
  now(): number
  /** Hears that the guard of the handler itself refused the request. */
  refused(open: OpenRequest, decision: Deny): Promise<void> | undefined
  /** Hears that the handler threw. */
  threw(open: OpenRequest): void
}

/** What code below a request's handler can learn about that request. */
export interface Delivery {
  readonly open: OpenRequest
  readonly rules: ServingRules
}

const deliveries = new Carrier<Delivery>()

/** Hands a request to the server, whose handler then finds it in its context. */
export function deliver(delivery: Delivery, dispatch: () => void): void {
  const { requestInfo, request } = delivery.open.extra ?? {}
  deliveries.carry(requestInfo ?? request, delivery, dispatch)
}

/** The request that a handler's context belongs to, of either SDK generation. */
export function deliveryOf(context: unknown): Delivery | undefined {
  const { requestInfo, http } = (context ?? {}) as {
    requestInfo?: unknown
    http?: { req?: unknown }
  }
  return deliveries.find(requestInfo ?? http?.req)
}

/** The request being served, without a context: known of those that came without HTTP. */
export function ambientDelivery(): Delivery | undefined {
  return deliveries.find(undefined)
}

/** Seconds since 1970, by the clock of the server that serves this context. */
export function timeIn(context: unknown): number {
  return deliveryOf(context)?.rules.now() ?? systemTime()
}

/** Seconds since 1970. */
export function systemTime(): number {
  return Date.now() / 1000
}
