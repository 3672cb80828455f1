import type { Identity } from '@onbehalf/core'
import type { Deny } from '@onbehalf/core/guards'
import type { OpenRequest, Received } from '../ambient/channels.ts'
import { callerOf } from '../owners/session-owner.ts'
import { paramsOf, type RequestId } from '../wire/json-rpc.ts'

/** A request that nobody waits for, whose id is not free yet. */
interface Cancelled {
  /** What it asked for may be large, and is not needed any more. */
  readonly entry: WeakRef<OpenRequest>
  /** By `performance.now()`. */
  readonly until: number
}

/** For how long a late answer to a cancelled request is expected. */
const keptMilliseconds = 60_000

/**
 * The requests in flight on one connection. Clients choose the ids, so an id counts once: a second
 * request under it could otherwise take over the first one's answer.
 *
 * A cancelled request may still be answered, by a server that was about to. Until that happens, or a
 * minute has passed, its id is not free. SDK v1 never hears that 0 or '' is cancelled: those wait for
 * their answer.
 */
export class OpenRequests {
  readonly #entries = new Map<unknown, OpenRequest>()
  /** In the order in which they were cancelled. */
  readonly #cancelled = new Map<RequestId, Cancelled>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get isFull(): boolean {
    return this.#entries.size >= this.#limit
  }

  all(): readonly OpenRequest[] {
    return [...this.#entries.values()]
  }

  /** Takes any value: a cancellation names an id that nobody has validated. */
  get(id: unknown): OpenRequest | undefined {
    return this.#entries.get(id)
  }

  /** Whether a request may have this id. */
  isFree(id: RequestId): boolean {
    const { until = 0 } = this.#cancelled.get(id) ?? {}
    return !this.#entries.has(id) && until <= performance.now()
  }

  holds(entry: OpenRequest): boolean {
    return this.#entries.get(entry.request.id) === entry
  }

  add(entry: OpenRequest): void {
    this.#entries.set(entry.request.id, entry)
  }

  /** The request that an answer is for, unless nobody waits for it. Frees its id. */
  answer(id: RequestId): OpenRequest | undefined {
    const entry = this.#entries.get(id)
    this.#entries.delete(id)
    this.#cancelled.delete(id)
    return entry
  }

  /** No answer will come. Frees the entry's id, unless a later request has it. */
  close(entry: OpenRequest): void {
    const { id } = entry.request
    if (this.holds(entry)) this.#entries.delete(id)
    if (this.#cancelled.get(id)?.entry.deref() === entry) this.#cancelled.delete(id)
  }

  /** Nobody waits for the answer any more. */
  cancel(entry: OpenRequest): void {
    const { id } = entry.request
    this.#entries.delete(id)
    this.#forgetCancelled()
    const isHeard = id !== 0 && id !== ''
    const until = isHeard ? performance.now() + keptMilliseconds : Number.POSITIVE_INFINITY
    this.#cancelled.set(id, { entry: new WeakRef(entry), until })
  }

  /** Frees every id, and returns what was still open. */
  clear(): readonly OpenRequest[] {
    const open = this.all()
    this.#entries.clear()
    this.#cancelled.clear()
    return open
  }

  #forgetCancelled(): void {
    for (const [id, { until }] of this.#cancelled) {
      if (until === Number.POSITIVE_INFINITY) continue
      if (until > performance.now() && this.#cancelled.size < this.#limit) return
      this.#cancelled.delete(id)
    }
  }
}

/**
 * The requests that the server sent, such as elicitations. Several principals may share a session,
 * and transports take an answer from any of them: only the one who was asked may answer.
 */
export class AskedRequests {
  readonly #asked = new Map<RequestId, string | undefined>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  /** `asked` is the caller who may answer; without one nobody may. */
  add(id: RequestId, asked: string | undefined): void {
    const [oldest] = this.#asked.keys()
    if (oldest !== undefined && this.#asked.size >= this.#limit) this.#asked.delete(oldest)
    this.#asked.set(id, asked)
  }

  /** Whether a notification tells the progress of what its sender was asked; undefined for others. */
  tellsProgress({ request, identity }: Received): boolean | undefined {
    if (request.method !== 'notifications/progress') return undefined
    // As the SDKs read it.
    return this.#isFor(Number(paramsOf(request)['progressToken']), identity)
  }

  #isFor(id: RequestId, identity: Identity | undefined): boolean | undefined {
    return this.#asked.has(id) ? this.#asked.get(id) === callerOf(identity) : undefined
  }

  /** Whether this caller may answer; the question is then settled. */
  settle(id: RequestId, identity: Identity | undefined): boolean {
    const isAnswered = this.#isFor(id, identity) === true
    if (isAnswered) this.#asked.delete(id)
    return isAnswered
  }

  clear(): void {
    this.#asked.clear()
  }
}

/** Answers a call in place of its handler, and asks that to stop. */
type EndCall = (decision: Deny) => void

// A process stops as a whole: this is of all servers in it.
const calls = new Map<object, EndCall>()

/** A call was handed to its server. */
export function callBegan(open: object, end: EndCall): void {
  calls.set(open, end)
}

/** It is answered, or nobody waits for it any more. */
export function callEnded(open: object): void {
  calls.delete(open)
}

export function hasRunningCalls(): boolean {
  return calls.size > 0
}

/** @returns how many calls were ended */
export function endCalls(decision: Deny): number {
  const running = [...calls.values()]
  for (const end of running) end(decision)
  return running.length
}
