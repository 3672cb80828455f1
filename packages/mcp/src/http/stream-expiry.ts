import type { Identity } from '@onbehalf/core'
import type { SessionTransport } from '../owners/session-owner.ts'
import { whenExpired } from '../wire/expiry.ts'

/**
 * Ends the stream that a GET request opened once the identity that opened it has expired: what is
 * sent later is for callers who are verified again. A client opens the next stream with its new token.
 */
export class StreamExpiry {
  readonly #transport: WeakRef<SessionTransport>
  readonly #now: () => number
  readonly #open = new Set<() => void>()

  constructor(transport: SessionTransport, now: () => number) {
    // A host may drop an answer without a word, and its transport with it.
    this.#transport = new WeakRef(transport)
    this.#now = now
  }

  /** The transport is the stream of a GET request: all of it ends with the identity that opened it. */
  isOpenedBy(identity: Identity | undefined): void {
    const transport = this.#transport
    const close = (): void =>
      void transport
        .deref()
        ?.close?.()
        .catch(() => undefined)
    this.#open.add(whenExpired(identity, this.#now(), close))
  }

  /**
   * A GET request is about to be answered, by a stream or by a refusal that leaves an open one to the
   * identity that opened it.
   *
   * @returns is called when that answer is over
   */
  opened(identity: Identity | undefined): () => void {
    const transport = this.#transport
    const close = (): void => transport.deref()?.closeStandaloneSSEStream?.()
    const stop = whenExpired(identity, this.#now(), close)
    const over = (): void => {
      stop()
      this.#open.delete(over)
    }
    this.#open.add(over)
    return over
  }

  /** The transport is closed, and its streams with it. */
  closed(): void {
    for (const over of this.#open) over()
  }
}
