import type { AuditOutcome } from '@onbehalf/core'
import type { Allow, Deny } from '@onbehalf/core/guards'
import type { OpenRequest } from '../ambient/open-requests.ts'
import { CallRecords } from '../decisions/call-records.ts'
import { decideRequest, type Protection } from '../decisions/decide-request.ts'
import { recordDecision } from '../decisions/record-decision.ts'
import { validIdentity } from '../handlers/policy.ts'
import type { ProtectableServer } from '../protect.ts'
import { protectionOf } from '../protections.ts'
import { isRecord, isRequest, type Message, paramsOf, type Request } from '../wire/json-rpc.ts'

/** A protected server, as the factory for an entry of SDK v2 makes it. */
export interface EntryServer extends ProtectableServer {
  close(): Promise<void>
}

/** Makes a server from what an entry knows of a request. */
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
 * One `subscriptions/listen`, which entries of SDK v2 serve without a gate. It is decided on
 * when it opens, and again for each resource that it is about to report.
 */
export class ListenStream {
  readonly #protection: Protection
  readonly #calls: CallRecords
  readonly #listen: OpenRequest

  constructor(protection: Protection, listen: OpenRequest) {
    this.#protection = protection
    this.#calls = new CallRecords(protection)
    this.#listen = listen
  }

  /** For how long its identity counts. Whom a rule lets in without one has nothing to expire. */
  get milliseconds(): number {
    const { identity } = this.#listen
    if (identity === undefined) return longestTimer
    const seconds = identity.expiresAt + graceSeconds - this.#protection.now()
    return Math.min(Math.max(0, Math.ceil(seconds * 1000)), longestTimer)
  }

  /**
   * Records that it opens, or says why it may not: for the method itself, or for one of the resources
   * that it asks for.
   *
   * @throws IdentityError `AUDIT` when a strict trail cannot record either
   */
  async open(): Promise<Deny | undefined> {
    const { request } = this.#listen
    const { notifications } = paramsOf(request)
    const wanted = isRecord(notifications) ? notifications['resourceSubscriptions'] : undefined
    const uris: unknown[] = Array.isArray(wanted) ? wanted : []
    for (const asked of [request, ...uris.map((uri) => this.#about('resources/subscribe', uri))]) {
      const decision = await this.#decide(asked)
      await recordDecision(this.#protection, { ...this.#listen, request: asked }, decision)
      if (decision.effect === 'deny') return decision
    }
    await this.#calls.begin(this.#listen)
    return undefined
  }

  /** Records that it is over. Nobody waits for that; the trail tells its operator what it lost. */
  end(outcome: AuditOutcome): void {
    this.#calls.ended(this.#listen, outcome)?.catch(() => undefined)
  }

  /** Decides on a message that the entry is about to send into it. */
  async judge(message: Message): Promise<Passage> {
    const { identity } = this.#listen
    if (identity !== undefined && !validIdentity(identity, this.#protection.now())) return 'end'
    if (message.method !== updated) return 'pass'
    const asked = this.#about(updated, paramsOf(message)['uri'])
    const decision = await this.#decide(asked)
    if (decision.effect === 'allow') return 'pass'
    const recorded = recordDecision(this.#protection, { ...this.#listen, request: asked }, decision)
    await recorded?.catch(() => undefined)
    return 'withhold'
  }

  #about(method: string, uri: unknown): Request {
    return { ...this.#listen.request, method, params: { uri } }
  }

  #decide(asked: Request): Allow | Deny | Promise<Allow | Deny> {
    return decideRequest(this.#protection, asked, this.#listen.identity)
  }
}

/** Opens the stream for a request, by the guards of a server that is made for it alone. */
export async function openStream(
  createServer: CreateServer,
  context: { readonly era: 'modern'; readonly authInfo?: unknown; readonly requestInfo?: unknown },
  listen: OpenRequest,
): Promise<ListenStream> {
  const server = await createServer(context as never)
  const protection = protectionOf(server)
  await server.close()
  return new ListenStream(protection, listen)
}
