import type { AuditOutcome, Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { arrivals, type OpenRequest } from '../ambient/channels.ts'
import { ListenStream, openStream, subscriptionKey } from '../listen/listen-stream.ts'
import { type CreateServer, type EntryServer, lowLevelServer, protectionOf } from '../protection.ts'
import { reportFailure } from '../wire/failures.ts'
import {
  inUse,
  isListen,
  isRecord,
  isResponse,
  type Message,
  paramsOf,
  type Reply,
  type Request,
  type RequestId,
  replyTo,
} from '../wire/json-rpc.ts'
import type { Transport } from '../wire/transport.ts'
import { inOrder } from './in-order.ts'

/**
 * Guards `subscriptions/listen` of `serveStdio`, which SDK v2 serves before any server sees it. It
 * decides as over HTTP: on the caller and each resource when a stream opens, and again on each
 * update. A stream ends when the token that opened it expires, even if the token's file holds a new
 * one by then: the client listens again.
 */
export function guardLine(line: Transport, servers: LineServers): void {
  const start = line.start.bind(line)
  line.start = () => {
    // By now the entry has set its callbacks, and nothing has been delivered.
    new ListenGate(line, servers).install()
    return start()
  }
}

/** The servers of one line. */
export interface LineServers {
  /** The one that was made last. */
  readonly last: EntryServer | undefined
  readonly create: CreateServer
}

interface Open {
  readonly stream: ListenStream
  /** Stops waiting for the expiry of its identity. */
  readonly stop: () => void
  /** The message before has been decided on. */
  last: Promise<void>
}

/** Sits between a transport and the entry that serves it, for listen streams alone. */
class ListenGate {
  readonly #line: Transport
  readonly #servers: LineServers
  readonly #send: Transport['send']
  readonly #deliver: (message: Message, extra?: object) => void
  readonly #open = new Map<RequestId, Open>()
  #isClosed = false

  constructor(line: Transport, servers: LineServers) {
    this.#line = line
    this.#servers = servers
    this.#send = line.send.bind(line)
    const { onmessage } = line
    this.#deliver = (message, extra) => onmessage?.call(line, message, extra)
  }

  install(): void {
    const line = this.#line
    const { onclose } = line
    // A cancellation must not overtake the request that it is for.
    const enqueue = inOrder((error) => this.#report(error))
    line.onmessage = (message, extra) => {
      const authInfo = arrivals.getStore()
      enqueue(async () => {
        const reply = await this.#receive(message, identityOfAuthInfo(authInfo))
        if (reply === undefined) arrivals.run(authInfo, () => this.#deliver(message, extra))
        else await this.#answer(message as Request, reply)
      })
    }
    line.send = (message, options) => this.#leave(message, options)
    line.onclose = () => {
      this.#isClosed = true
      for (const id of this.#open.keys()) this.#forget(id, 'cancelled')
      onclose?.call(line)
    }
  }

  /** The answer to a stream that may not open. */
  async #receive(message: Message, identity: Identity | undefined): Promise<Reply | undefined> {
    if (message.method === 'notifications/cancelled')
      this.#forget(paramsOf(message)['requestId'], 'cancelled')
    if (!isListen(message)) return undefined
    if (this.#open.has(message.id)) return inUse
    try {
      const asked = { request: message, identity }
      const stream = await this.#openStream(asked)
      const refused = await stream.open()
      if (refused !== undefined) return { error: refused.error }
      this.#keep(message.id, stream)
      return undefined
    } catch (error) {
      this.#report(error)
      return replyTo(error)
    }
  }

  /** By the guards of the server that serves the line; before there is one, of another like it. */
  #openStream(asked: OpenRequest): Promise<ListenStream> | ListenStream {
    const { last, create } = this.#servers
    const isServing = last !== undefined && lowLevelServer(last).transport !== undefined
    if (isServing) return new ListenStream(protectionOf(last), asked)
    return openStream(create, { era: 'modern' }, asked)
  }

  #keep(id: RequestId, stream: ListenStream): void {
    // Its client has gone while a guard was deciding.
    if (this.#isClosed) return stream.end('cancelled')
    const stop = stream.whenExpired(() => this.#end(id))
    this.#open.set(id, { stream, stop, last: Promise.resolve() })
  }

  async #leave(message: Message, options?: unknown): Promise<void> {
    // Its own answer ends a stream, whether the entry refused it or closes.
    if (isResponse(message)) this.#forget(message.id, message.error === undefined ? 'ok' : 'thrown')
    const id = subscriptionOf(message)
    if (id === undefined) return this.#send(message, options)
    const open = this.#open.get(id as RequestId)
    if (open === undefined) return
    // A guard that takes time must not let a later message overtake.
    const sent = open.last.then(() => this.#pass(id as RequestId, open.stream, message, options))
    open.last = sent.catch(() => undefined)
    return sent
  }

  async #pass(
    id: RequestId,
    stream: ListenStream,
    message: Message,
    options: unknown,
  ): Promise<void> {
    const passage = await stream.judge(message)
    if (passage === 'end') this.#end(id)
    // Cancelled meanwhile: nothing is heard any more.
    if (passage === 'pass' && this.#open.has(id)) return this.#send(message, options)
  }

  /** Has the entry forget a stream, and tells the client that it is over. */
  #end(id: RequestId): void {
    this.#forget(id, 'ok')
    this.#deliver({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: id },
    })
    const result = { resultType: 'complete', _meta: { [subscriptionKey]: id } }
    void this.#answer({ id }, { result })
  }

  #forget(id: unknown, outcome: AuditOutcome): void {
    const open = this.#open.get(id as RequestId)
    if (open === undefined) return
    open.stop()
    open.stream.end(outcome)
    this.#open.delete(id as RequestId)
  }

  async #answer({ id }: Pick<Request, 'id'>, reply: Reply): Promise<void> {
    await this.#send({ jsonrpc: '2.0', id, ...reply }).catch((error: unknown) =>
      this.#report(error),
    )
  }

  #report(error: unknown): void {
    reportFailure(this.#line, error, 'Listen gate failure')
  }
}

/** The stream that a notification is for. */
function subscriptionOf(message: Message): unknown {
  const { _meta: meta } = paramsOf(message)
  return isRecord(meta) ? meta[subscriptionKey] : undefined
}
