import { IdentityError } from '../errors.ts'
import { type Awaitable, andThen, sharesPromises } from '../internal/promises.ts'
import type { RefusalReason } from '../reasons.ts'
import type { VerificationKey } from '../token/verify-signature.ts'
import { type Backoff, createBackoff } from './backoff.ts'
import { createBudget } from './budget.ts'
import { FetchError } from './fetch-error.ts'
import { type KeptSet, keep, serviceOf } from './kept-set.ts'
import { assertNotOtherwiseBound, findKeys, type KeySet } from './key-set.ts'
import type {
  IgnoredKeyReason,
  KeyLookup,
  KeySource,
  KeysFailed,
  ReportKeyEvent,
} from './key-source.ts'
import { type RefreshOptions, readRefreshOptions } from './refresh-options.ts'

// Unknown key ids may cause this many fetches at once, and then one for each period.
const unknownBurst = 2
const unknownPeriodSeconds = 30

/**
 * Keeps a key set fresh without letting anyone else decide how often it is fetched.
 *
 * - One fetch at a time, for all callers; on Cloudflare Workers, where no request may wait for the
 *   fetch of another one, one for each request that needs it.
 * - Refreshed ahead of its age by the calls that use it. Nobody waits for that, except the calls on
 *   a server that was idle for longer: a key may have been withdrawn in the meantime.
 * - A failing source is asked again after 1, 2, 4 ... 60 seconds plus jitter, and the last good set
 *   serves for a bounded time. An unusable answer counts as a failure.
 * - An unknown key id causes a fetch within a budget that failures use up as well. So "unknown" is
 *   only ever said of a set that was just fetched, or of a key that an earlier set had; otherwise it
 *   is `DOWN`.
 *
 * @throws TypeError naming the option that is wrong
 */
export function refreshingKeys(
  load: () => Promise<KeySet>,
  options: RefreshOptions = {},
): KeySource {
  const keys = new RefreshingKeys(load, readRefreshOptions(options))
  return {
    find: (lookup, report) => keys.find(lookup, report),
    holds: (key, report) => keys.holds(key, report),
    ready: (report) => keys.ready(report),
  }
}

class RefreshingKeys {
  readonly #load: () => Promise<KeySet>
  readonly #settings: Required<RefreshOptions>
  readonly #backoff: Backoff
  readonly #spend: () => boolean
  readonly #isShared = sharesPromises()
  #kept: KeptSet | undefined
  #pending: Promise<void> | undefined
  #lastError: unknown

  constructor(load: () => Promise<KeySet>, settings: Required<RefreshOptions>) {
    const { monotonic, random } = settings
    this.#load = load
    this.#settings = settings
    this.#backoff = createBackoff(monotonic, random)
    this.#spend = createBudget(unknownBurst, unknownPeriodSeconds, monotonic)
  }

  find(lookup: KeyLookup, report: ReportKeyEvent): Awaitable<readonly VerificationKey[]> {
    const before = this.#kept
    return andThen(this.#freshen(report), () => {
      const found = isUsable(this.#kept, this.#now()) ? findKeys(this.#kept.set, lookup) : []
      return found.length > 0 ? found : this.#lookAgain(lookup, report, before)
    })
  }

  holds(key: VerificationKey, report: ReportKeyEvent): Awaitable<boolean> {
    return andThen(this.#freshen(report), () => {
      return isUsable(this.#kept, this.#now()) && this.#kept.set.keys.includes(key)
    })
  }

  async ready(report: ReportKeyEvent): Promise<void> {
    await this.#freshen(report)
    this.#usable()
  }

  /** After a set that was freshened since `before` did not have the key. */
  async #lookAgain(
    lookup: KeyLookup,
    report: ReportKeyEvent,
    before: KeptSet | undefined,
  ): Promise<readonly VerificationKey[]> {
    this.#usable()
    // A set that arrived during this very call has nothing new to tell.
    const lookedAgain = this.#kept === before && this.#mayLookAgain()
    report({ type: 'key_unknown', lookedAgain })
    if (lookedAgain) await this.#refresh(report)
    const found = findKeys(this.#usable(), lookup)
    if (found.length > 0) return found
    // While the source fails, or a flood of made-up ids has used up the budget, nobody can say that
    // the key does not exist; except for one that an earlier set had.
    const isCurrent = lookedAgain || this.#kept !== before || isWithdrawn(this.#kept, lookup.keyId)
    if (this.#backoff.failures > 0 || !isCurrent) throw this.#down('key_unverifiable')
    assertNotOtherwiseBound(this.#usable(), lookup)
    return found
  }

  /** @returns a promise only where a caller has to wait */
  #freshen(report: ReportKeyEvent): Promise<void> | undefined {
    const now = this.#now()
    if (!isDue(this.#kept, now)) return undefined
    if (this.#pending === undefined && now < this.#backoff.retryAt) return undefined
    const refreshed = this.#refresh(report)
    const { maxAgeSeconds } = this.#settings
    // A Worker ends what is still under way when its request is answered.
    const mustWait = !this.#isShared || !mayServe(this.#kept, this.#backoff, now, maxAgeSeconds)
    return mustWait ? refreshed : undefined
  }

  #refresh(report: ReportKeyEvent): Promise<void> {
    if (!this.#isShared) return this.#attempt(report)
    this.#pending ??= this.#attempt(report).finally(() => {
      this.#pending = undefined
    })
    return this.#pending
  }

  async #attempt(report: ReportKeyEvent): Promise<void> {
    let ignored: readonly IgnoredKeyReason[] = []
    try {
      const set = await this.#load()
      ignored = set.ignored
      if (set.keys.length === 0) throw new FetchError('no_usable_key')
      this.#kept = keep(set, this.#settings, this.#kept)
      this.#backoff.reset()
      report({ type: 'keys_loaded', usable: set.keys.length, ignored })
    } catch (error) {
      this.#lastError = error
      this.#backoff.fail()
      report({
        type: 'keys_failed',
        failures: this.#backoff.failures,
        ...faultOf(error),
        ignored,
        ...serviceOf(this.#kept, this.#now()),
      })
    }
  }

  #now(): number {
    return this.#settings.monotonic()
  }

  #usable(): KeySet {
    if (isUsable(this.#kept, this.#now())) return this.#kept.set
    throw this.#down('keys_unavailable')
  }

  #mayLookAgain(): boolean {
    return this.#pending !== undefined || (this.#now() >= this.#backoff.retryAt && this.#spend())
  }

  #down(reason: RefusalReason): IdentityError {
    const retryAfterSeconds = Math.max(1, this.#backoff.retryAt - this.#now())
    return new IdentityError('DOWN', { reason, retryAfterSeconds, cause: this.#lastError })
  }
}

function isWithdrawn(kept: KeptSet | undefined, keyId: string | undefined): boolean {
  return keyId !== undefined && kept?.withdrawn.has(keyId) === true
}

function isUsable(kept: KeptSet | undefined, now: number): kept is KeptSet {
  return kept !== undefined && now < kept.endsAt
}

function isDue(kept: KeptSet | undefined, now: number): boolean {
  return kept === undefined || now >= kept.dueAt
}

/**
 * Whether the set may answer unasked: its source was heard from, for good or bad, in an age.
 */
function mayServe(
  kept: KeptSet | undefined,
  { failures, retryAt }: Backoff,
  now: number,
  maxAgeSeconds: number,
): boolean {
  if (kept === undefined || now >= kept.endsAt) return false
  return now < (failures > 0 ? retryAt : kept.loadedAt) + maxAgeSeconds
}

function faultOf(error: unknown): Pick<KeysFailed, 'reason' | 'url'> {
  if (!(error instanceof FetchError)) return { reason: 'internal_error' }
  const { reason, url } = error
  return { reason, ...(url !== undefined && { url }) }
}
