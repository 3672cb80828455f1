import type { Refusal } from '@onbehalf/core'

/**
 * One HTTP request and the messages in it. What the gate finds out about them may have to change the
 * status of the answer, which an SDK sends as soon as it has dispatched them.
 */
export class Exchange {
  readonly #admissions: Promise<unknown>[] = []
  #received = 0
  readonly #refusals: Refusal[] = []
  #protocolError: number | undefined

  /** The gate has received a request. */
  received(): void {
    this.#received += 1
  }

  /** The gate is still deciding on a request. */
  awaits(admission: Promise<unknown>): void {
    this.#admissions.push(admission)
  }

  /** A request is refused with an answer of HTTP. */
  refused(refusal: Refusal): void {
    this.#refusals.push(refusal)
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

  /** The answer if every request was refused by one of HTTP; some of a batch may have been served. */
  get refusal(): Refusal | undefined {
    return this.#refusals.length === this.#received ? this.#refusals[0] : undefined
  }
}
