import type { Identity } from '@onbehalf/core'
import { ownerOf } from '../owners/session-owner.ts'
import type { RequestId } from '../wire/json-rpc.ts'

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

  /** `identity` is whose call the server was serving when it asked. */
  add(id: RequestId, identity: Identity | undefined): void {
    const [oldest] = this.#asked.keys()
    if (oldest !== undefined && this.#asked.size >= this.#limit) this.#asked.delete(oldest)
    this.#asked.set(id, identity && ownerOf(identity))
  }

  /** Whether this caller may answer; the question is then settled. */
  settle(id: RequestId, identity: Identity | undefined): boolean {
    const isAnswered =
      this.#asked.has(id) && this.#asked.get(id) === (identity && ownerOf(identity))
    if (isAnswered) this.#asked.delete(id)
    return isAnswered
  }

  clear(): void {
    this.#asked.clear()
  }
}
