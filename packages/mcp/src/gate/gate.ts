import { type Identity, isIdentityError } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { type Deny, deny } from '@onbehalf/core/guards'
import { andThen } from '@onbehalf/core/internal'
import {
  ambientDelivery,
  arrivals,
  deliver,
  exchangeOf,
  exchanges,
  identities,
  type OpenRequest,
  type Received,
  withArrival,
} from '../ambient/channels.ts'
import { validIdentity } from '../handlers/policy.ts'
import { createFault } from '../http/refusals.ts'
import { callerOf, isSameCaller, type SessionOwner } from '../owners/session-owner.ts'
import { reportFailure } from '../wire/failures.ts'
import {
  busy,
  cancelled,
  inUse,
  isNotification,
  isRequest,
  isResponse,
  type Message,
  methodOf,
  noSession,
  paramsOf,
  type Reply,
  type Request,
  type RequestId,
  replyTo,
} from '../wire/json-rpc.ts'
import type { MessageExtra, Transport } from '../wire/transport.ts'
import { makeReadable, serverCallback } from './callbacks.ts'
import type { GateHandlers } from './gate-handlers.ts'
import { type Ask, Inquiries } from './inquiries.ts'
import { AskedRequests, callBegan, callEnded, OpenRequests } from './open-requests.ts'

const maxOpenRequests = 10_000
const maxAskedRequests = 1_000

/** Hands the message over to the server, or another one about it. */
type Dispatch = (other?: Message) => void

/**
 * Puts a gate in front of a transport, before the server connects to it. The gate stays for as long
 * as the transport is used; `onClose` is called when it is closed.
 */
export function openGate(
  transport: Transport,
  handlers: GateHandlers,
  session: SessionOwner,
  onClose: () => void,
): void {
  new Gate(transport, handlers, session).install(onClose)
}

/**
 * Sits between one transport and the server. It sees every message before the server validates
 * it, and the very object that it decides on is the one that is dispatched.
 *
 * It never throws into a transport, whose answer would show the exception to the caller.
 */
class Gate {
  readonly #transport: Transport
  readonly #handlers: GateHandlers
  readonly #session: SessionOwner
  readonly #send: Transport['send']
  readonly #open = new OpenRequests(maxOpenRequests)
  readonly #asked = new AskedRequests(maxAskedRequests)
  #inquiries: Inquiries | undefined
  #isClosed = false
  // The request that is being handed to the server at this moment.
  #handedOver: OpenRequest | undefined

  constructor(transport: Transport, handlers: GateHandlers, session: SessionOwner) {
    this.#transport = transport
    this.#handlers = handlers
    this.#session = session
    this.#send = transport.send.bind(transport)
  }

  install(onClose: () => void): void {
    const transport = this.#transport
    makeReadable(transport)
    const start = transport.start.bind(transport)
    transport.send = (message, options) => this.#leave(message, options)
    transport.start = () => {
      // By now the server has set its callbacks, and nothing has been delivered: a transport may
      // hand over queued messages while it starts.
      this.#takeOver(onClose)
      return start()
    }
  }

  #takeOver(closed: () => void): void {
    const transport = this.#transport
    const { onclose } = transport
    const dispatch = serverCallback(transport)
    transport.onmessage = (sent, given) => {
      // In memory the sender still holds the object, and must not see a name masked in it.
      const message = { ...sent }
      const extra = withArrival(given)
      // What is called below here is another caller's business.
      const pass: Dispatch = (other = message) => dispatch.call(transport, other, extra)
      arrivals.exit(() => this.#arrive(message, extra, pass))
    }
    transport.onclose = () => {
      this.#isClosed = true
      for (const open of this.#open.clear()) this.#abandon(open)
      this.#asked.clear()
      this.#inquiries?.clear()
      closed()
      onclose?.call(transport)
    }
  }

  #arrive(message: Message, extra: MessageExtra | undefined, dispatch: Dispatch): void {
    const identity = identityOfAuthInfo(extra?.authInfo)
    try {
      if (!this.#session.admits(identity)) return this.#turnAway(message, identity)
      this.#handlers.hear(identity)
      if (isRequest(message)) {
        const exchange = exchangeOf(extra)
        const receivedAt = performance.now()
        const sent = { request: message, identity, extra, exchange, receivedAt }
        this.#receive(this.#handlers.receive(sent), dispatch)
      } else if (isResponse(message)) this.#answered(message.id, identity, dispatch)
      else if (isNotification(message))
        this.#notified({ request: message, identity, extra }, dispatch)
      else this.#report(new Error('Received neither a request nor an answer nor a notification'))
    } catch (error) {
      this.#report(error)
    }
  }

  // The front answered already, unless this transport has none that it knows.
  #turnAway(message: Message, identity: Identity | undefined): void {
    const answer = (reply: Reply): void => {
      if (isRequest(message)) this.#answer(message, reply)
    }
    const recorded = this.#handlers.onForeign(methodOf(message) ?? 'unknown', identity)
    if (recorded === undefined) return answer(noSession)
    recorded
      .then(() => answer(noSession))
      .catch((error: unknown) => {
        this.#report(error)
        answer(replyTo(error))
      })
  }

  #receive(open: OpenRequest, dispatch: Dispatch): void {
    open.exchange?.received()
    if (!this.#open.isFree(open.request.id)) return this.#answer(open.request, inUse)
    if (this.#open.isFull) return this.#answer(open.request, busy)
    this.#open.add(open)
    try {
      const refusal = this.#handlers.admit(open, this.#askFor(open, dispatch))
      if (!(refusal instanceof Promise)) return this.#settle(open, refusal, dispatch)
      const settled = refusal
        .then((reply) => this.#settle(open, reply, dispatch))
        .catch((error: unknown) => this.#fail(open, error))
      open.exchange?.awaits(settled)
    } catch (error) {
      this.#fail(open, error)
    }
  }

  #askFor({ identity }: OpenRequest, dispatch: Dispatch): Ask {
    return (method, params) => {
      this.#inquiries ??= new Inquiries()
      const hand = (request: Request): void => this.#workFor(identity, () => dispatch(request))
      return this.#inquiries.ask(method, params, hand)
    }
  }

  #settle(open: OpenRequest, refusal: Reply | undefined, dispatch: Dispatch): void {
    // Cancelled, or the connection closed, while a guard was deciding: nobody waits for an answer.
    if (!this.#open.holds(open)) return this.#drop(open)
    if (refusal !== undefined) this.#answer(open.request, refusal, open)
    else this.#handOver(open, dispatch)
  }

  #handOver(open: OpenRequest, dispatch: Dispatch): void {
    const end = (decision: Deny): void => this.#end(open, decision, dispatch)
    open.limits?.time((limit) => end(deny(limit, 'time_limited')))
    // What arrives after the end is served, and never answered.
    if (!this.#isClosed) callBegan(open, end)
    this.#handedOver = open
    try {
      const run = () => this.#workFor(open.acting ?? open.identity, dispatch)
      exchanges.leave(() => deliver({ open, server: this.#handlers }, run))
    } finally {
      this.#handedOver = undefined
    }
  }

  /** Answers in place of the server, and asks it to stop. */
  #end(open: OpenRequest, decision: Deny, dispatch: Dispatch): void {
    if (!this.#open.holds(open)) return
    const { id } = open.request
    this.#open.cancel(open)
    const answer = { jsonrpc: '2.0', id, ...this.#handlers.end(open, decision) }
    Promise.resolve(this.#release(open, answer))
      .then((released) => this.#send(released))
      .catch((error: unknown) => this.#report(error))
      .finally(() => dispatch(cancelled(id)))
  }

  /** The server has not heard of it, and will not answer. */
  #drop(open: OpenRequest): void {
    this.#open.close(open)
    this.#abandon(open)
  }

  #workFor(identity: Identity | undefined, work: () => void): void {
    if (!this.#handlers.tracksIdentity) return work()
    identities.run(validIdentity(identity, this.#handlers.now()), work)
  }

  #abandon(open: OpenRequest): void {
    callEnded(open)
    try {
      this.#handlers.abandon(open)?.catch((error: unknown) => this.#report(error))
    } catch (error) {
      this.#report(error)
    }
  }

  #answered(id: RequestId, identity: Identity | undefined, dispatch: Dispatch): void {
    if (this.#asked.settle(id, identity)) this.#workFor(identity, dispatch)
    else this.#report(new Error('Received an answer to what its sender was not asked'))
  }

  #notified(received: Received, dispatch: Dispatch): void {
    const { request, identity } = received
    const pass = (isAdmitted: boolean): void => {
      if (isAdmitted) this.#workFor(received.acting ?? identity, dispatch)
    }
    if (request.method === 'notifications/cancelled') return this.#cancel(received, pass)
    const isOwn = this.#asked.tellsProgress(received)
    if (isOwn === false) return this.#turnAway(request, identity)
    if (isOwn === true) return pass(true)
    const passed = andThen(this.#handlers.admitNotification(received), pass)
    if (passed instanceof Promise) passed.catch((error: unknown) => this.#report(error))
  }

  // A caller who shares a session could otherwise cancel another principal's request and take its id.
  #cancel({ request, identity }: Received, pass: (isAdmitted: boolean) => void): void {
    const open = this.#open.get(paramsOf(request)['requestId'])
    if (open !== undefined && !isSameCaller(open.identity, identity)) {
      return this.#turnAway(request, identity)
    }
    if (open !== undefined) {
      this.#open.cancel(open)
      this.#abandon(open)
    }
    pass(true)
  }

  #leave(message: Message, options?: unknown): Promise<void> {
    if (isRequest(message)) this.#asked.add(message.id, this.#whomToAsk(options))
    if (!isResponse(message)) return this.#send(message, options)
    if (this.#inquiries?.settle(message)) return Promise.resolve()
    const open = this.#open.answer(message.id)
    if (open === undefined) return this.#refuseToSend()
    const { code } = (message.error ?? {}) as { readonly code?: unknown }
    const released = this.#release(open, message)
    if (open === this.#handedOver && typeof code === 'number')
      open.exchange?.answeredAtOnce(code, released)
    // Synchronous when it can be: SDK v2 gives its own errors their HTTP status only then.
    return released instanceof Promise
      ? released.then((answer) => this.#send(answer, options))
      : this.#send(released, options)
  }

  #refuseToSend(): Promise<never> {
    const error = new Error('Sent an answer that nobody waits for')
    this.#report(error)
    return Promise.reject(error)
  }

  /** Whose call the server is serving while it asks; undefined if that is unknown. */
  #whomToAsk(options: unknown): string | undefined {
    const { relatedRequestId } = (options ?? {}) as { relatedRequestId?: unknown }
    const related = this.#open.get(relatedRequestId) ?? ambientDelivery()?.open
    if (related !== undefined && this.#open.holds(related)) return callerOf(related.identity)
    const [first, ...others] = this.#open.all()
    if (first === undefined) return this.#session.soleCaller
    const isSole = others.every(({ identity }) => isSameCaller(identity, first.identity))
    return isSole ? callerOf(first.identity) : undefined
  }

  #release(open: OpenRequest, answer: Message): Message | Promise<Message> {
    callEnded(open)
    const withhold = (error: unknown): Message => {
      return { jsonrpc: '2.0', id: open.request.id, ...this.#failureOf(open, error) }
    }
    try {
      const released = this.#handlers.release(open, answer)
      return released instanceof Promise ? released.catch(withhold) : released
    } catch (error) {
      return withhold(error)
    }
  }

  #fail(open: OpenRequest, error: unknown): void {
    const reply = this.#failureOf(open, error)
    if (this.#open.holds(open)) this.#answer(open.request, reply, open)
  }

  #failureOf(open: OpenRequest, error: unknown): Reply {
    this.#report(error)
    if (isIdentityError(error)) open.exchange?.refused(createFault(error))
    return replyTo(error)
  }

  // Never within the transport's own call: SDK v2 would take it for a protocol error and its status.
  #answer(request: Request, reply: Reply, open?: OpenRequest): void {
    queueMicrotask(() => {
      if (open !== undefined) this.#open.close(open)
      const { id } = request
      // In the order of the SDKs: the bytes do not show who answered.
      const answer =
        'result' in reply ? { ...reply, jsonrpc: '2.0', id } : { jsonrpc: '2.0', id, ...reply }
      this.#send(answer).catch((error: unknown) => this.#report(error))
    })
  }

  #report(error: unknown): void {
    reportFailure(this.#transport, error, 'Gate failure')
  }
}
