import { randomUUID } from 'node:crypto'
import type { AuditOutcome, Identity, Refusal } from '@onbehalf/core'
import type { OpenRequest } from '../ambient/channels.ts'
import { challengeFor } from '../decisions/challenge.ts'
import {
  decideRequest,
  recordDecision,
  recordEnd,
  recordIntent,
  type TargetedRequest,
  withTarget,
} from '../decisions/decide-request.ts'
import { createDenialError } from '../handlers/denial.ts'
import { validIdentity } from '../handlers/policy.ts'
import { SeenGrants } from '../owners/grants.ts'
import { type CreateServer, type Protection, protectionOf } from '../protection.ts'
import { whenExpired } from '../wire/expiry.ts'
import { isRecord, type Message, paramsOf, type RpcError } from '../wire/json-rpc.ts'

/** What becomes of a message to a stream; `end` closes the stream instead. */
export type Passage = 'pass' | 'withhold' | 'end'

/** Why a stream may not open: as JSON-RPC, and as HTTP where a client can act upon that. */
export interface ListenRefusal {
  readonly error: RpcError
  readonly refusal: Refusal | undefined
  readonly requestId: string
}

const updated = 'notifications/resources/updated'
const acknowledged = 'notifications/subscriptions/acknowledged'

/** Names the stream that a message is for. */
export const subscriptionKey = 'io.modelcontextprotocol/subscriptionId'

const lists = ['tools', 'prompts', 'resources']

/**
 * One `subscriptions/listen`, which entries of SDK v2 serve without a gate. It is decided on
 * when it opens, and again for each resource that it is about to report.
 */
export class ListenStream {
  readonly #protection: Protection
  readonly #listen: TargetedRequest
  readonly #grants: SeenGrants | undefined
  /** Those whose changes the entry said that it reports. */
  #lists: readonly string[] = []
  #send: ((message: Message) => void) | undefined
  #isOver = false

  constructor(protection: Protection, listen: OpenRequest) {
    this.#protection = protection
    this.#listen = withTarget(protection, listen)
    this.#grants = listen.identity && new SeenGrants(listen.identity)
  }

  get identity(): Identity | undefined {
    return this.#listen.identity
  }

  /** How it sends messages that the entry does not know of. */
  sendBy(send: (message: Message) => void): void {
    this.#send = send
  }

  /** A message has left. */
  sent(message: Message): void {
    if (message.method !== acknowledged) return
    const { notifications } = paramsOf(message)
    const reported = isRecord(notifications) ? notifications : {}
    this.#lists = lists.filter((list) => reported[`${list}ListChanged`] === true)
  }

  /** Announces that lists have changed where its caller comes back with grants that they did not have. */
  hear(identity: Identity): void {
    if (this.#isOver || this.#lists.length === 0 || !this.#grants?.grow(identity)) return
    const params = { _meta: { [subscriptionKey]: this.#listen.request.id } }
    for (const list of this.#lists) {
      this.#send?.({ jsonrpc: '2.0', method: `notifications/${list}/list_changed`, params })
    }
  }

  /**
   * Calls `end` once its identity no longer counts.
   *
   * @returns stops waiting
   */
  whenExpired(end: () => void): () => void {
    return whenExpired(this.#listen.identity, this.#protection.now(), end)
  }

  /**
   * Records that it opens, or says why it may not: for the method itself, or for one of the resources
   * that it asks for.
   *
   * @throws IdentityError `AUDIT` when a strict trail cannot record either
   */
  async open(): Promise<ListenRefusal | undefined> {
    const { request } = this.#listen
    const { notifications } = paramsOf(request)
    const wanted = isRecord(notifications) ? notifications['resourceSubscriptions'] : undefined
    const uris: unknown[] = Array.isArray(wanted) ? wanted : []
    const resources = uris.map((uri) => this.#about('resources/subscribe', uri))
    for (const asked of [this.#listen, ...resources]) {
      const refused = await this.#decide(asked)
      if (refused !== undefined) return refused
    }
    await recordIntent(this.#protection, this.#listen)
    return undefined
  }

  /** Records once that it is over. Nothing waits for that; the trail reports what it lost. */
  end(outcome: AuditOutcome): void {
    if (this.#isOver) return
    this.#isOver = true
    recordEnd(this.#listen, outcome)?.catch(() => undefined)
  }

  /** Decides on a message that the entry is about to send into it. */
  async judge(message: Message): Promise<Passage> {
    const { identity } = this.#listen
    if (identity !== undefined && !validIdentity(identity, this.#protection.now())) return 'end'
    if (message.method !== updated) return 'pass'
    const asked = this.#about(updated, paramsOf(message)['uri'])
    const decision = await decideRequest(this.#protection, asked)
    if (decision.effect === 'allow') return 'pass'
    await recordDecision(this.#protection, asked, decision)?.catch(() => undefined)
    return 'withhold'
  }

  #about(method: string, uri: unknown): TargetedRequest {
    const { request, identity, extra } = this.#listen
    const asked = { ...request, method, params: { uri } }
    return withTarget(this.#protection, { request: asked, identity, extra })
  }

  async #decide(asked: TargetedRequest): Promise<ListenRefusal | undefined> {
    const decision = await decideRequest(this.#protection, asked)
    const challenge =
      decision.effect === 'deny' ? challengeFor(this.#protection, asked, decision) : undefined
    if (decision.effect === 'allow') {
      await recordDecision(this.#protection, asked, decision)
      return undefined
    }
    const requestId = challenge?.error.requestId ?? randomUUID()
    await recordDecision(this.#protection, asked, decision, challenge?.error, requestId)
    const { data, ...error } = createDenialError(decision)
    return {
      error: { ...error, data: { ...data, requestId } },
      refusal: challenge?.refusal,
      requestId,
    }
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
