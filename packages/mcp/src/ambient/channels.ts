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
import type { Identity, Refusal } from '@onbehalf/core'
import type { Deny } from '@onbehalf/core/guards'
import type { Awaitable } from '@onbehalf/core/internal'
import type { Message, MethodMessage, Request } from '../wire/json-rpc.ts'
import type { MessageExtra } from '../wire/transport.ts'
import type { CallLimits } from './call-limits.ts'

/**
 * Carries a value past code that knows nothing of it: under an object that this code hands on, and
 * where there is none, by `AsyncLocalStorage`. That is the second choice, because Node.js before 24
 * then follows every promise of the process.
 */
export class Carrier<T> {
  readonly #byKey = new WeakMap<object, T>()
  readonly #ambient = new AsyncLocalStorage<T>()

  /** A key that carries something already, or that is not an object, is ignored. */
  carry<R>(key: unknown, value: T, work: () => R): R {
    // What was begun below another one's store would otherwise find that.
    if (!isObject(key) || this.#byKey.has(key) || this.#ambient.getStore() !== undefined) {
      return this.#ambient.run(value, work)
    }
    this.#byKey.set(key, value)
    return work()
  }

  /** Does work that has nothing to do with the value. */
  leave<R>(work: () => R): R {
    return this.#ambient.exit(work)
  }

  find(key: unknown): T | undefined {
    return this.#ambient.getStore() ?? (isObject(key) ? this.#byKey.get(key) : undefined)
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** An error that no handler made. */
export interface AnsweredAtOnce {
  readonly code: number
  /** The answer as it may leave, once it is recorded. */
  readonly answer: Awaitable<Message>
}

/**
 * One HTTP request and the messages in it. What the gate finds out about them may have to change the
 * status of the answer, which an SDK sends as soon as it has dispatched them.
 */
export class Exchange {
  readonly #admissions: Promise<unknown>[] = []
  #received = 0
  readonly #refusals: Refusal[] = []
  #atOnce: AnsweredAtOnce | undefined
  #canBeRefusedLater = false

  /** The gate has received a request. */
  received(): void {
    this.#received += 1
  }

  /** The gate is still deciding on a request. */
  awaits(admission: Promise<unknown>): void {
    this.#admissions.push(admission)
  }

  /** A request is refused with an answer of HTTP. */
  refused(refusal: Refusal): void {
    this.#refusals.push(refusal)
  }

  /** A request is allowed, and its handler may find that the user has to sign in again. */
  mayRefuseLater(): void {
    this.#canBeRefusedLater = true
  }

  /** Whether a refusal may come until the answer begins. */
  get canBeRefusedLater(): boolean {
    return this.#canBeRefusedLater
  }

  /** A request was answered with an error while it was handed to the SDK, before any handler ran. */
  answeredAtOnce(code: number, answer: Awaitable<Message>): void {
    this.#atOnce = { code, answer }
  }

  get atOnce(): AnsweredAtOnce | undefined {
    return this.#atOnce
  }

  /** Whether the gate had to wait for a decision. */
  get isUndecided(): boolean {
    return this.#admissions.length > 0
  }

  /** Resolves when everything is decided. */
  async decided(): Promise<void> {
    await Promise.allSettled(this.#admissions)
  }

  /** The answer if every request was refused by one of HTTP; some of a batch may have been served. */
  get refusal(): Refusal | undefined {
    return this.#refusals.length === this.#received ? this.#refusals[0] : undefined
  }
}

/** A request or notification, and what is known beside it. */
export interface Received {
  readonly request: MethodMessage
  readonly identity: Identity | undefined
  /** Its identity in the organization that a guard chose for it, once it is allowed. */
  acting?: Identity | undefined
  /** When, by `performance.now()`. */
  readonly receivedAt?: number
  /** What the transport said about it. */
  readonly extra?: MessageExtra | undefined
}

/** A request that was received and has not been answered. */
export interface OpenRequest extends Received {
  readonly request: Request
  /** The HTTP request that it came in, where its answer can still be held. */
  readonly exchange?: Exchange | undefined
  /** The limits that it was counted against. */
  limits?: CallLimits
  /** Its handler threw: SDKs make a tool's error of that, so the answer does not show it. */
  hasThrown?: boolean
  /** What left the handler. */
  thrown?: unknown
  /** What its handler returned, often a promise, and the signal that it can stop by. */
  handled?: { readonly returned: unknown; readonly signal: AbortSignal | undefined }
}

/** The `AuthInfo` of the caller that a transport without headers speaks for. */
export const arrivals: AsyncLocalStorage<unknown> = new AsyncLocalStorage()

/** What a transport says about a message, with the caller that it speaks for. */
export function withArrival(extra: MessageExtra | undefined): MessageExtra | undefined {
  const authInfo = arrivals.getStore()
  return authInfo === undefined || extra?.authInfo !== undefined ? extra : { ...extra, authInfo }
}

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
  /** How long a guard may take. */
  readonly guardSeconds: number
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
