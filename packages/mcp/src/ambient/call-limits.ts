import type { Identity } from '@onbehalf/core'
import {
  type Budget,
  type Deny,
  deny,
  type Granted,
  type Limit,
  type LimitedCall,
} from '@onbehalf/core/guards'

/** The limits that one call was counted against, from when it was allowed until it is over. */
export class CallLimits {
  readonly #granted = new Map<Limit, Granted>()
  #running = 0
  #isAnswered = false
  #timer: NodeJS.Timeout | undefined

  /** What is left of each. */
  get budgets(): readonly Budget[] {
    return [...this.#granted.values()].flatMap(({ budget }) => budget ?? [])
  }

  /** Why limits could not be counted, of calls that run all the same. */
  get failures(): readonly LimitFailure[] {
    return [...this.#granted].flatMap(([{ name }, { failure: cause }]) =>
      cause === undefined ? [] : { limit: name, cause },
    )
  }

  /**
   * Counts the call, once for each limit. The first limit that refuses it gives back to the others what
   * it took of them.
   */
  async take(
    limits: readonly Limit[],
    identity: Identity,
    call: LimitedCall,
  ): Promise<Deny | undefined> {
    for (const limit of limits) {
      if (this.#granted.has(limit)) continue
      const taken = await ask(limit, identity, call)
      if (taken.effect === 'deny') {
        this.undo()
        return taken
      }
      this.#granted.set(limit, taken)
    }
    return undefined
  }

  /** Ends the call when its time is over, unless it has been answered by then. */
  time(expire: (limit: string) => void): void {
    const [first] = [...this.#granted]
      .flatMap(([{ name }, { seconds }]) => (seconds === undefined ? [] : { name, seconds }))
      .sort((one, other) => one.seconds - other.seconds)
    if (first === undefined) return
    this.#timer = setTimeout(() => expire(first.name), first.seconds * 1000).unref()
  }

  /** A handler begins to run. */
  begin(): void {
    this.#running += 1
  }

  /** It has come to its end, whether or not someone still waits for that. */
  end(): void {
    this.#running -= 1
    this.#settle()
  }

  /** The call is answered or abandoned. What its handler holds, it holds until it ends. */
  answered(): void {
    this.#isAnswered = true
    clearTimeout(this.#timer)
    this.#settle()
  }

  /** The call does not run after all. */
  undo(): void {
    for (const { undo, end } of this.#granted.values()) {
      undo?.()
      end?.()
    }
    this.#granted.clear()
  }

  #settle(): void {
    if (!this.#isAnswered || this.#running > 0) return
    for (const { end } of this.#granted.values()) end?.()
    this.#granted.clear()
  }
}

export interface LimitFailure {
  readonly limit: string
  readonly cause: unknown
}

/** A limit that throws has not counted, and refuses. */
async function ask(limit: Limit, identity: Identity, call: LimitedCall): Promise<Granted | Deny> {
  try {
    const taken = await limit.take(identity, call)
    return taken.effect === 'allow' || taken.effect === 'deny' ? taken : failed(limit)
  } catch {
    return failed(limit)
  }
}

function failed({ name }: Limit): Deny {
  return deny(name, 'guard_error')
}
