import type { Identity } from '@onbehalf/core'
import type { Allow, Deny } from '@onbehalf/core/guards'
import { decideRequest, type Protection, toEvent } from './decide-request.ts'
import { isRecord, isRequest, type Message, paramsOf, type Request } from './json-rpc.ts'
import { validIdentity } from './policy.ts'
import type { ProtectableServer } from './protect.ts'
import { protectionOf } from './protections.ts'

/** A protected server, as the factory for an entry of SDK v2 makes it. */
export interface EntryServer extends ProtectableServer {
  close(): Promise<void>
}

/** Makes a server for what an entry tells of a request. */
export type CreateServer = (context: never) => EntryServer | Promise<EntryServer>

/** What becomes of a message to a stream; `end` closes the stream instead. */
export type Passage = 'pass' | 'withhold' | 'end'

const updated = 'notifications/resources/updated'

// What guards allow past the expiry of a token.
const graceSeconds = 60
// Timers hold no more; a stream that long is opened again.
const longestTimer = 2 ** 31 - 1

export function isListen(message: Message): message is Request {
  return isRequest(message) && message.method === 'subscriptions/listen'
}

/**
 * One `subscriptions/listen`, which entries of SDK v2 serve where no gate stands. Its caller is
 * decided on when it opens, and again for each resource that it is about to hear of.
 */
export class ListenStream {
  readonly #protection: Protection
  readonly #request: Request
  readonly #identity: Identity | undefined

  constructor(protection: Protection, request: Request, identity: Identity | undefined) {
    this.#protection = protection
    this.#request = request
    this.#identity = identity
  }

  /** For how long its identity counts. Whom a rule lets in without one has nothing to expire. */
  get milliseconds(): number {
    if (this.#identity === undefined) return longestTimer
    const seconds = this.#identity.expiresAt + graceSeconds - this.#protection.now()
    return Math.min(Math.max(0, Math.ceil(seconds * 1000)), longestTimer)
  }

  /** Why it may not open: the method itself, or one of the resources that it asks for. */
  async refusal(): Promise<Deny | undefined> {
    const { notifications } = paramsOf(this.#request)
    const wanted = isRecord(notifications) ? notifications['resourceSubscriptions'] : undefined
    const uris: unknown[] = Array.isArray(wanted) ? wanted : []
    for (const asked of [this.#request, ...uris.map((uri) => this.#subscription(uri))]) {
      const decision = await this.#decide(asked)
      this.#report(asked, decision)
      if (decision.effect === 'deny') return decision
    }
    return undefined
  }

  /** Decides on a message that the entry is about to send into it. */
  async judge(message: Message): Promise<Passage> {
    const { now } = this.#protection
    if (this.#identity !== undefined && !validIdentity(this.#identity, now())) return 'end'
    if (message.method !== updated) return 'pass'
    const asked = this.#subscription(paramsOf(message)['uri'])
    const decision = await this.#decide(asked)
    if (decision.effect === 'allow') return 'pass'
    this.#report(asked, decision, updated)
    return 'withhold'
  }

  #subscription(uri: unknown): Request {
    return { ...this.#request, method: 'resources/subscribe', params: { uri } }
  }

  #decide(asked: Request): Allow | Deny | Promise<Allow | Deny> {
    return decideRequest(this.#protection, asked, this.#identity)
  }

  #report(asked: Request, decision: Allow | Deny, method = asked.method): void {
    const event = toEvent(this.#protection, asked, this.#identity, decision)
    this.#protection.report({ ...event, method })
  }
}

/** Opens the stream for a request, by the guards of a server that is made for it alone. */
export async function openStream(
  createServer: CreateServer,
  context: { readonly era: 'modern'; readonly authInfo?: unknown; readonly requestInfo?: unknown },
  request: Request,
  identity: Identity | undefined,
): Promise<ListenStream> {
  const server = await createServer(context as never)
  const protection = protectionOf(server)
  await server.close()
  return new ListenStream(protection, request, identity)
}
