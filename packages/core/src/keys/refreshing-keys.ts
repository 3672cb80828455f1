import { IdentityError } from '../errors.ts'
import { sharesPromises } from '../internal/promises.ts'
import type { RefusalReason } from '../reasons.ts'
import { type Backoff, createBackoff } from './backoff.ts'
import { createBudget } from './budget.ts'
import { FetchError } from './fetch-error.ts'
import { type KeptSet, keep, serviceOf } from './kept-set.ts'
import { assertNotOtherwiseBound, findKeys, type KeySet } from './key-set.ts'
import type { IgnoredKeyReason, KeySource, KeysFailed, ReportKeyEvent } from './key-source.ts'
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
  const settings = readRefreshOptions(options)
  const { maxAgeSeconds, monotonic, random } = settings
  const backoff = createBackoff(monotonic, random)
  const spend = createBudget(unknownBurst, unknownPeriodSeconds, monotonic)
  const isShared = sharesPromises()
  let kept: KeptSet | undefined
  let pending: Promise<void> | undefined
  let lastError: unknown

  function refresh(report: ReportKeyEvent): Promise<void> {
    if (!isShared) return attempt(report)
    pending ??= attempt(report).finally(() => {
      pending = undefined
    })
    return pending
  }

  async function attempt(report: ReportKeyEvent): Promise<void> {
    let ignored: readonly IgnoredKeyReason[] = []
    try {
      const set = await load()
      ignored = set.ignored
      if (set.keys.length === 0) throw new FetchError('no_usable_key')
      kept = keep(set, settings, kept)
      backoff.reset()
      report({ type: 'keys_loaded', usable: set.keys.length, ignored })
    } catch (error) {
      lastError = error
      backoff.fail()
      report({
        type: 'keys_failed',
        failures: backoff.failures,
        ...faultOf(error),
        ignored,
        ...serviceOf(kept, monotonic()),
      })
    }
  }

  async function freshen(report: ReportKeyEvent): Promise<void> {
    const now = monotonic()
    if (pending === undefined && now < backoff.retryAt) return
    const refreshed = refresh(report)
    // A Worker ends what is still under way when its request is answered.
    if (!isShared || !mayServe(kept, backoff, now, maxAgeSeconds)) await refreshed
  }

  function usable(): KeySet {
    if (kept !== undefined && monotonic() < kept.endsAt) return kept.set
    throw down('keys_unavailable')
  }

  function mayLookAgain(): boolean {
    return pending !== undefined || (monotonic() >= backoff.retryAt && spend())
  }

  function down(reason: RefusalReason): IdentityError {
    const retryAfterSeconds = Math.max(1, backoff.retryAt - monotonic())
    return new IdentityError('DOWN', { reason, retryAfterSeconds, cause: lastError })
  }

  return {
    async find(query, report) {
      const before = kept
      if (isDue(kept, monotonic())) await freshen(report)
      const known = findKeys(usable(), query)
      if (known.length > 0) return known
      // A set that arrived during this very call has nothing new to tell.
      const lookedAgain = kept === before && mayLookAgain()
      report({ type: 'key_unknown', lookedAgain })
      if (lookedAgain) await refresh(report)
      const found = findKeys(usable(), query)
      // While the source fails, or a flood of made-up ids has used up the budget, nobody can say that
      // the key does not exist; except for one that an earlier set had.
      const isCurrent = lookedAgain || kept !== before || isWithdrawn(kept, query.keyId)
      if (found.length === 0 && (backoff.failures > 0 || !isCurrent)) throw down('key_unverifiable')
      if (found.length === 0) assertNotOtherwiseBound(usable(), query)
      return found
    },
    async ready(report) {
      if (isDue(kept, monotonic())) await freshen(report)
      usable()
    },
  }
}

function isWithdrawn(kept: KeptSet | undefined, keyId: string | undefined): boolean {
  return keyId !== undefined && kept?.withdrawn.has(keyId) === true
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
