import type { Identity } from '@onbehalf/core'
import { callerOf } from '../owners/session-owner.ts'
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

  /** `asked` is the caller who may answer; without one nobody may. */
  add(id: RequestId, asked: string | undefined): void {
    const [oldest] = this.#asked.keys()
    if (oldest !== undefined && this.#asked.size >= this.#limit) this.#asked.delete(oldest)
    this.#asked.set(id, asked)
  }

  /** Whether this caller may answer; the question is then settled. */
  settle(id: RequestId, identity: Identity | undefined): boolean {
    const isAnswered = this.#asked.get(id) === callerOf(identity)
    if (isAnswered) this.#asked.delete(id)
    return isAnswered
  }

  clear(): void {
    this.#asked.clear()
  }
}
