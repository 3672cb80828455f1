import { IdentityError } from '../../errors.ts'
import { type Awaitable, sharesPromises, withDeadline } from '../../internal/promises.ts'
import { VerdictCache } from '../../verdicts/verdict-cache.ts'

/** What a list says about a name: something that is there, or undefined. */
export type Find<Row> = (name: string) => Awaitable<Row | undefined>

/** What is on a list. */
export interface Listed<Row> {
  readonly row: Row
  /** Differs where the row does. */
  readonly text: string
}

export interface ListingSettings<Row> {
  readonly find: Find<Row>
  /** For how long an answer counts. */
  readonly seconds: number
  readonly monotonic: () => number
}

interface Answer<Row> {
  readonly listed: Listed<Row> | undefined
  readonly until: number
}

// A flood of made-up names cannot take up more than this, nor sweep out the names that come often.
const maxAnswers = 20_000
const missSeconds = 10
// Beyond this, nobody else is waited for: a slow table must not hold every request.
const maxPending = 64
const timeoutSeconds = 10

/**
 * Asks your list, which may be a database: each name once at a time, and again only when its
 * answer is too old. What is not there is remembered for 10 seconds at most.
 */
export class Listing<Row> {
  readonly #settings: ListingSettings<Row>
  readonly #answers = new VerdictCache<Answer<Row>>({ entries: maxAnswers, bytes: 1e9 })
  readonly #pending = new Map<string, Promise<Listed<Row> | undefined>>()
  #asking = 0

  constructor(settings: ListingSettings<Row>) {
    this.#settings = settings
  }

  /**
   * @returns a promise only where there is something to wait for
   * @throws IdentityError `DOWN` when the list does not answer, or is asked too much at once
   */
  find(name: string): Awaitable<Listed<Row> | undefined> {
    const known = this.#answers.get(name)
    if (known !== undefined && this.#settings.monotonic() < known.until) {
      return known.listed
    }
    const pending = this.#pending.get(name)
    if (pending !== undefined) return pending
    if (this.#asking >= maxPending) throw new IdentityError('DOWN', { reason: 'issuers_busy' })
    let found: Awaitable<Row | undefined>
    try {
      found = this.#settings.find(name)
    } catch (cause) {
      throw unavailable(cause)
    }
    // Not only promises: a query builder is a thenable as well.
    return isThenable(found) ? this.#wait(name, Promise.resolve(found)) : this.#keep(name, found)
  }

  #wait(name: string, found: Promise<Row | undefined>): Promise<Listed<Row> | undefined> {
    this.#asking += 1
    const late = (): Error => new Error('The list did not answer in time')
    const answered = withDeadline(timeoutSeconds, () => found, late).then(
      (row) => this.#keep(name, row),
      (cause: unknown) => {
        throw unavailable(cause)
      },
    )
    const settled = answered.finally(() => {
      this.#asking -= 1
      this.#pending.delete(name)
    })
    if (sharesPromises()) this.#pending.set(name, settled)
    return settled
  }

  #keep(name: string, row: Row | undefined): Listed<Row> | undefined {
    const listed =
      row === undefined || row === null ? undefined : { row, text: JSON.stringify(row) }
    const { monotonic, seconds } = this.#settings
    const lasts = listed === undefined ? Math.min(missSeconds, seconds) : seconds
    this.#answers.set(name, { listed, until: monotonic() + lasts }, 1)
    return listed
  }
}

function isThenable<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

function unavailable(cause: unknown): IdentityError {
  return new IdentityError('DOWN', { reason: 'issuers_unavailable', cause })
}
