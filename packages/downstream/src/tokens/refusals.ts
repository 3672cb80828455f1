import type { GrantFault } from '../oauth/fault.ts'

interface Refusal {
  readonly fault: GrantFault
  /** The subject's credential that was refused: another one is tried at once. */
  readonly credential: string
  readonly times: number
  /** Seconds since 1970. */
  readonly until: number
}

const maxRefusals = 10_000
const maxPauseSeconds = 30

/**
 * What authorization servers refused, so that a caller who tries again and again does not reach them each
 * time. The second attempt passes at once, since the user may have consented by then; further ones after
 * pauses of 1, 2, 4 ... 30 seconds.
 */
export class Refusals {
  /** Refused last: at the end. */
  readonly #refusals = new Map<string, Refusal>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** @throws GrantFault as before, while it is too soon to ask again */
  check(key: string, credential: string): void {
    const known = this.#refusals.get(key)
    if (known?.credential === credential && this.#now() < known.until) throw known.fault
  }

  /** An authorization server said no. What is out of reach said nothing. */
  refused(key: string, credential: string, fault: GrantFault): void {
    if (fault.code === 'DOWN' || fault.code === 'SUBJECT') return
    const known = this.#refusals.get(key)
    const times = known?.credential === credential ? known.times + 1 : 1
    const pause = times === 1 ? 0 : Math.min(2 ** (times - 2), maxPauseSeconds)
    this.#refusals.delete(key)
    this.#refusals.set(key, { fault, credential, times, until: this.#now() + pause })
    const [oldest] = this.#refusals.keys()
    if (this.#refusals.size > maxRefusals && oldest !== undefined) this.#refusals.delete(oldest)
  }

  granted(key: string): void {
    this.#refusals.delete(key)
  }
}
