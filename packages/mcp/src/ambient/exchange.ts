import type { IdentityError } from '@onbehalf/core'
import type { MessageExtra } from '../wire/transport.ts'
import { Carrier } from './carrier.ts'

/**
 * One HTTP request and the messages in it. What the gate finds out about them may have to change the
 * status of the answer, which an SDK sends as soon as it has dispatched them.
 */
export class Exchange {
  readonly #admissions: Promise<unknown>[] = []
  #received = 0
  readonly #failures: IdentityError[] = []
  #protocolError: number | undefined

  /** The gate has received a request. */
  received(): void {
    this.#received += 1
  }

  /** The gate is still deciding on a request. */
  awaits(admission: Promise<unknown>): void {
    this.#admissions.push(admission)
  }

  /** A request failed for a reason that is this server's. */
  failed(error: IdentityError): void {
    this.#failures.push(error)
  }

  /** The SDK answered while a request was handed to it, before any handler ran. */
  answeredAtOnce(code: number): void {
    this.#protocolError = code
  }

  /** The code of such an answer. */
  get protocolError(): number | undefined {
    return this.#protocolError
  }

  /** Whether the gate had to wait for a decision. */
  get isUndecided(): boolean {
    return this.#admissions.length > 0
  }

  /** Resolves when everything is decided. */
  async decided(): Promise<void> {
    await Promise.allSettled(this.#admissions)
  }

  /** Why nothing in this request could be served; of a batch, some of it may have been. */
  get failure(): IdentityError | undefined {
    return this.#failures.length === this.#received ? this.#failures[0] : undefined
  }
}

/** HTTP requests on their way to the gate, before anything in them was looked at. */
export const exchanges: Carrier<Exchange> = new Carrier()

export function exchangeOf(extra: MessageExtra | undefined): Exchange | undefined {
  return exchanges.find(extra?.request ?? extra?.authInfo)
}
