import type { Identity } from '@onbehalf/core'
import type { Deny } from '@onbehalf/core/guards'
import type { Awaitable } from '@onbehalf/core/internal'
import type { OpenRequest, Received, Serving } from '../ambient/channels.ts'
import type { Message, Reply } from '../wire/json-rpc.ts'
import type { Ask } from './inquiries.ts'

/** What the gate asks about the messages that pass it. */
export interface GateHandlers extends Serving {
  /** What is kept of a request while it is open; the other functions are given the same object. */
  receive(open: OpenRequest): OpenRequest
  /** A caller of this connection sent a message. */
  hear(identity: Identity | undefined): void
  /** The answer that refuses a request; undefined lets it pass. `ask` asks the server behind the gate. */
  admit(open: OpenRequest, ask: Ask): Reply | undefined | Promise<Reply | undefined>
  /** The answer to a request that is ended while its handler runs. */
  end(open: OpenRequest, decision: Deny): Reply
  /** A request that passed ends without an answer. */
  abandon(open: OpenRequest): Promise<void> | undefined
  /** A message was sent into another caller's session. */
  onForeign(method: string, identity: Identity | undefined): Promise<void> | undefined
  /** Whether a notification may pass; says in `received` whom it acts for. */
  admitNotification(received: Received): Awaitable<boolean>
  /** The last look at an answer before it leaves. */
  release(open: OpenRequest, answer: Message): Message | Promise<Message>
}
