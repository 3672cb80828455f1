import type { Context, Revocable, TokenHolder } from '../context.ts'
import type { Awaitable } from '../internal/promises.ts'
import type { HoldsKey } from '../keys/key-source.ts'
import type { VerificationKey } from '../token/verify-signature.ts'

/** A key that signed, and how to ask whether it still may. */
export interface SigningKey {
  readonly holds: HoldsKey
  readonly key: VerificationKey
  /** `iss` of the token that it signed. */
  readonly issuer: string
}

/** A token that is bound to a key which each request has to prove. */
export interface BoundToken {
  readonly cnf: unknown
  readonly holder: TokenHolder
  readonly header: string
}

/** A stretch of time, in seconds since 1970. */
export interface Period {
  /** The first moment of it. */
  readonly from: number
  /** The first moment after it. */
  readonly until: number
}

/** What one request brings to a verdict that was kept. */
export interface Recheck extends Pick<Context, 'now' | 'report' | 'checkRevoked'> {
  confirm(bound: BoundToken): Promise<void> | undefined
}

/**
 * Under which conditions a verdict may be given again. All else in a verdict follows from the text of
 * its credentials and from the configuration of the authenticator, and neither can have changed.
 */
export class Conditions {
  readonly #keys: SigningKey[] = []
  readonly #revocables: Revocable[] = []
  readonly #bound: BoundToken[] = []
  readonly #listed: (() => Awaitable<boolean>)[] = []
  #from = Number.NEGATIVE_INFINITY
  #until = Number.POSITIVE_INFINITY
  #isKeepable = true

  /** Whether the verdict may be kept at all. */
  get isKeepable(): boolean {
    return this.#isKeepable
  }

  within({ from, until }: Period): void {
    this.#from = Math.max(this.#from, from)
    this.#until = Math.min(this.#until, until)
  }

  signedBy(key: SigningKey): void {
    this.#keys.push(key)
  }

  notRevoked(revocable: Revocable): void {
    this.#revocables.push(revocable)
  }

  bound(token: BoundToken): void {
    this.#bound.push(token)
  }

  /** The issuer was found on a list, and `isListed` asks that list again. */
  listed(isListed: () => Awaitable<boolean>): void {
    this.#listed.push(isListed)
  }

  /** Something decided that may decide otherwise the next time. */
  forbid(): void {
    this.#isKeepable = false
  }

  /**
   * Whether all of them hold now, for this request.
   *
   * @returns a promise only where there is something to wait for
   * @throws what revocations and confirmations throw
   */
  hold(recheck: Recheck): Awaitable<boolean> {
    const { now, report } = recheck
    // Asked for what must hold: a clock that shows no time (NaN) compares false.
    if (!(this.#from <= now && now < this.#until)) return false
    let waiting: Promise<unknown>[] | undefined
    for (const { holds, key, issuer } of this.#keys) {
      const held = holds(key, (event) => report({ ...event, issuer }))
      if (held === false) return false
      if (held !== true) (waiting ??= []).push(held)
    }
    for (const isListed of this.#listed) {
      const listed = isListed()
      if (listed === false) return false
      if (listed !== true) (waiting ??= []).push(listed)
    }
    for (const revocable of this.#revocables) {
      const checked = recheck.checkRevoked(revocable)
      if (checked !== undefined) (waiting ??= []).push(checked)
    }
    if (waiting === undefined && this.#bound.length === 0) return true
    return this.#holdLater(waiting ?? [], recheck)
  }

  async #holdLater(waiting: readonly Promise<unknown>[], recheck: Recheck): Promise<boolean> {
    if ((await Promise.all(waiting)).includes(false)) return false
    // Last of all: a proof of possession is used up by looking at it.
    for (const bound of this.#bound) await recheck.confirm(bound)
    return true
  }
}

const collected = Symbol('conditions')

interface Collecting {
  [collected]?: Conditions
}

/** Begins to collect what a verification with this context depends on. */
export function collectConditions(context: Context): Conditions {
  const conditions = new Conditions()
  // A context is made for one verification; an entry of a weak map for each would cost more than it.
  ;(context as Collecting)[collected] = conditions
  return conditions
}

/** Where a verification with this context says what it depends on; absent where nobody asks. */
export function conditionsOf(context: Context): Conditions | undefined {
  return (context as Collecting)[collected]
}

const repeatable = new WeakSet<object>()

/**
 * Says of a source or an issuer that all it decides follows from its credentials, its configuration
 * and the conditions that it collects. What a user builds around one is another object, of which
 * nobody knows that.
 */
export function asRepeatable<T extends object>(decider: T): T {
  repeatable.add(decider)
  return decider
}

export function isRepeatable(decider: object): boolean {
  return repeatable.has(decider)
}
