// What travels beside a message, past code of the SDKs that knows nothing of it. There are five
// channels, each with one writer and one reader:
//
// | channel      | carries                            | from                      | to                   |
// | ------------ | ---------------------------------- | ------------------------- | -------------------- |
// | `AuthInfo`   | the verified identity of a request | authentication            | gate, handlers       |
// | `arrivals`   | the same, without HTTP             | a transport with a token  | gate                 |
// | `exchanges`  | the HTTP answer, while it is held  | http/wrap-http            | gate                 |
// | `deliveries` | the request and its server         | gate                      | guards, handlers     |
// | `identities` | the identity of the call           | gate, guards              | `currentIdentity()`  |
//
// `AuthInfo` is an object that the SDKs hand on; core keeps its identity in a `WeakMap`. `exchanges`
// and `deliveries` use a `Carrier`: over HTTP a `WeakMap` under the request that the SDKs hand on, and
// `AsyncLocalStorage` without one. Node.js before 24 follows every promise of the process once a
// store runs, so `identities` runs only for servers that ask for it.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Identity } from '@onbehalf/core'
import type { Deny } from '@onbehalf/core/guards'
import type { Request } from '../wire/json-rpc.ts'
import type { MessageExtra } from '../wire/transport.ts'
import { Carrier } from './carrier.ts'
import type { Exchange } from './exchange.ts'

/** A request that was received and has not been answered. */
export interface OpenRequest {
  readonly request: Request
  readonly identity: Identity | undefined
  /** What the transport said about it. */
  readonly extra?: MessageExtra | undefined
  /** The HTTP request that it came in, where its answer can still be held. */
  readonly exchange?: Exchange | undefined
  /** Its handler threw: SDKs make a tool's error of that, so the answer does not show it. */
  hasThrown?: boolean
}

/** The `AuthInfo` of the caller that a transport without headers speaks for. */
export const arrivals: AsyncLocalStorage<unknown> = new AsyncLocalStorage()

/** HTTP requests on their way to the gate, before anything in them was looked at. */
export const exchanges: Carrier<Exchange> = new Carrier()

export function exchangeOf(extra: MessageExtra | undefined): Exchange | undefined {
  return exchanges.find(extra?.request ?? extra?.authInfo)
}

/** The server that serves a request, as far as guards and handlers depend on it. */
export interface Serving {
  /** Whether `currentIdentity()` works below its handlers. */
  readonly tracksIdentity: boolean
  /** Seconds since 1970. */
  now(): number
  /** The guard of the handler itself refused the request. */
  refused(open: OpenRequest, decision: Deny): Promise<void> | undefined
}

/** What code below a request's handler can learn about that request. */
export interface Delivery {
  readonly open: OpenRequest
  readonly server: Serving
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
  return deliveryOf(context)?.server.now() ?? systemTime()
}

/** Seconds since 1970. */
export function systemTime(): number {
  return Date.now() / 1000
}

/** The identity of the call being served, for servers with `trackIdentity`. */
export const identities: AsyncLocalStorage<Identity | undefined> = new AsyncLocalStorage()
