import type { Identity } from '@onbehalf/core'
import type { SessionTransport } from '../owners/session-owner.ts'

// The clock skew that verification allows: a token is still accepted for so long.
const graceSeconds = 60
const maxTimerSeconds = 2 ** 31 / 1000 - 1

/**
 * Ends the stream that a GET request opened once the identity that opened it has expired: what is
 * sent later is for callers who are verified again. A client opens the next stream with its new token.
 */
export class StreamExpiry {
  readonly #transport: SessionTransport
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined
  #endsAt = Number.POSITIVE_INFINITY

  constructor(transport: SessionTransport, now: () => number) {
    this.#transport = transport
    this.#now = now
  }

  /** The stream ends with the first identity that asked for one. */
  opened(identity: Identity | undefined): void {
    const endsAt = (identity?.expiresAt ?? Number.POSITIVE_INFINITY) + graceSeconds
    if (endsAt >= this.#endsAt) return
    this.#endsAt = endsAt
    clearTimeout(this.#timer)
    const seconds = Math.min(Math.max(0, endsAt - this.#now()), maxTimerSeconds)
    this.#timer = setTimeout(() => this.#end(), seconds * 1000).unref()
  }

  #end(): void {
    this.#endsAt = Number.POSITIVE_INFINITY
    this.#transport.closeStandaloneSSEStream?.()
  }
}
