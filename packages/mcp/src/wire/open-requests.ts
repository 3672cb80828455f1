import type { Identity } from '@onbehalf/core'
import type { Exchange } from './exchange.ts'
import type { Request, RequestId } from './json-rpc.ts'
import type { MessageExtra } from './transport.ts'

/** A request that was received and has not been answered. */
export interface OpenRequest {
  readonly request: Request
  readonly identity: Identity | undefined
  /** What the transport said about it. */
  readonly extra?: MessageExtra | undefined
  /** The HTTP request that it came in, where its answer can still be held. */
  readonly exchange?: Exchange | undefined
}

/**
 * The requests in flight on one connection. Clients choose the ids, so an id counts once: a second
 * request under it could otherwise take over the first one's answer.
 */
export class OpenRequests {
  readonly #entries = new Map<unknown, OpenRequest>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get isFull(): boolean {
    return this.#entries.size >= this.#limit
  }

  /** Takes any value: a cancellation names an id that nobody has validated. */
  get(id: unknown): OpenRequest | undefined {
    return this.#entries.get(id)
  }

  has(id: RequestId): boolean {
    return this.#entries.has(id)
  }

  holds(entry: OpenRequest): boolean {
    return this.#entries.get(entry.request.id) === entry
  }

  add(entry: OpenRequest): void {
    this.#entries.set(entry.request.id, entry)
  }

  /** Frees the entry's id, unless a later request holds it. */
  close(entry: OpenRequest): void {
    if (this.holds(entry)) this.#entries.delete(entry.request.id)
  }

  /** Frees every id, and returns what was still open. */
  clear(): readonly OpenRequest[] {
    const open = [...this.#entries.values()]
    this.#entries.clear()
    return open
  }
}
