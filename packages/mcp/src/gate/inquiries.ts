import { randomUUID } from 'node:crypto'
import type { Message, Request } from '../wire/json-rpc.ts'

/** Asks the server behind a gate, on behalf of a caller whose request waits. */
export type Ask = (method: string, params: object) => Promise<Message>

/** Requests of the gate itself, whose answers stay with it. */
export class Inquiries {
  readonly #open = new Map<unknown, (answer: Message) => void>()

  /** Hands a request to the server, and resolves with its answer. */
  ask(method: string, params: object, hand: (request: Request) => void): Promise<Message> {
    // No caller can guess it, and so neither answer nor cancel it.
    const id = `onbehalf:${randomUUID()}`
    return new Promise((resolve) => {
      this.#open.set(id, resolve)
      hand({ jsonrpc: '2.0', id, method, params })
    })
  }

  /** Whether an answer was one of these. */
  settle(answer: Message): boolean {
    const resolve = this.#open.get(answer.id)
    this.#open.delete(answer.id)
    resolve?.(answer)
    return resolve !== undefined
  }

  /** No more answers will come. */
  clear(): void {
    for (const resolve of this.#open.values()) resolve({})
    this.#open.clear()
  }
}
