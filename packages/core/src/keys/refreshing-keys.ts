import { IdentityError } from '../errors.ts'
import { FetchError } from './fetch-json.ts'
import { findKeys, type KeySet } from './key-set.ts'
import type { KeySource, ReportKeyEvent } from './key-source.ts'

/** How long keys are kept, and how often they are asked for. */
export interface RefreshOptions {
  /** Seconds after which a key set is due; a withdrawn key dies within them. Default 600. */
  readonly maxAgeSeconds?: number
  /** Seconds beyond `maxAgeSeconds` that a set may serve while its source fails. Default 86400. */
  readonly maxStaleSeconds?: number
  /** Monotonic clock in seconds. Default: `performance.now()`. */
  readonly monotonic?: () => number
  /** Random numbers from 0 to 1, for jitter. Default: `Math.random`. */
  readonly random?: () => number
}

// From this share of its age on, a set is refreshed while it still serves.
const refreshAhead = 0.8
const maxBackoffSeconds = 60
// Unknown key ids may cause this many fetches at once, and then one for each period.
const unknownBurst = 2
const unknownPeriodSeconds = 30

/**
 * Keeps a key set fresh without letting anyone else decide how often it is fetched.
 *
 * - One fetch at a time, whoever asks.
 * - Refreshed ahead of its age by the calls that use it; an idle server refreshes before it answers.
 * - A failing source is asked again after 1, 2, 4 ... 60 seconds plus jitter, and the last good set
 *   serves for a bounded time. An unusable answer counts as a failure.
 * - An unknown key id causes a fetch within a budget that failures use up as well.
 */
export function refreshingKeys(
  load: () => Promise<KeySet>,
  options: RefreshOptions = {},
): KeySource {
  const { maxAgeSeconds = 600, maxStaleSeconds = 86_400, random = Math.random } = options
  const { monotonic = () => performance.now() / 1000 } = options
  positive(maxAgeSeconds, 'maxAgeSeconds')
  positive(maxStaleSeconds, 'maxStaleSeconds')

  let current: { readonly set: KeySet; readonly loadedAt: number } | undefined
  let pending: Promise<void> | undefined
  let failures = 0
  let retryAt = Number.NEGATIVE_INFINITY
  const spend = createBudget(unknownBurst, unknownPeriodSeconds, monotonic)

  function refresh(report: ReportKeyEvent): Promise<void> {
    pending ??= attempt(report).finally(() => {
      pending = undefined
    })
    return pending
  }

  async function attempt(report: ReportKeyEvent): Promise<void> {
    try {
      const set = await load()
      current = { set, loadedAt: monotonic() }
      failures = 0
      retryAt = Number.NEGATIVE_INFINITY
      report({ type: 'keys_loaded', usable: set.keys.length, ignored: set.ignored })
    } catch (error) {
      failures += 1
      retryAt = monotonic() + backoff(failures, random)
      const reason = error instanceof FetchError ? error.reason : 'internal_error'
      report({ type: 'keys_failed', failures, reason })
    }
  }

  function ageOf(loadedAt: number): number {
    return monotonic() - loadedAt
  }

  async function keepFresh(report: ReportKeyEvent): Promise<void> {
    const age = current === undefined ? Number.POSITIVE_INFINITY : ageOf(current.loadedAt)
    if (age < maxAgeSeconds * refreshAhead) return
    if (pending === undefined && monotonic() < retryAt) return
    const refreshed = refresh(report)
    // While a known set may serve, only the first call after its age waits for the answer.
    const mustWait = current === undefined || (age >= maxAgeSeconds && failures === 0)
    if (mustWait) await refreshed
  }

  function usable(): KeySet {
    if (current !== undefined && ageOf(current.loadedAt) < maxAgeSeconds + maxStaleSeconds) {
      return current.set
    }
    const retryAfterSeconds = Math.max(1, retryAt - monotonic())
    throw new IdentityError('DOWN', { reason: 'keys_unavailable', retryAfterSeconds })
  }

  return {
    async find(query, report) {
      await keepFresh(report)
      const known = findKeys(usable(), query)
      if (known.length > 0) return known
      const lookAgain = pending !== undefined || (monotonic() >= retryAt && spend())
      report({ type: 'key_unknown', lookedAgain: lookAgain })
      if (lookAgain) await refresh(report)
      const found = findKeys(usable(), query)
      if (found.length > 0 || failures === 0) return found
      // The source fails: nobody can say that the key does not exist.
      throw new IdentityError('DOWN', {
        reason: 'key_unverifiable',
        retryAfterSeconds: Math.max(1, retryAt - monotonic()),
      })
    },
    async ready(report) {
      await keepFresh(report)
      usable()
    },
  }
}

function backoff(failures: number, random: () => number): number {
  return Math.min(maxBackoffSeconds, 2 ** (failures - 1)) * (1 + random() / 4)
}

/** A token bucket: `capacity` at once, then one for each period. */
function createBudget(
  capacity: number,
  periodSeconds: number,
  monotonic: () => number,
): () => boolean {
  let left = capacity
  let filledAt = monotonic()
  return () => {
    const now = monotonic()
    left = Math.min(capacity, left + (now - filledAt) / periodSeconds)
    filledAt = now
    if (left < 1) return false
    left -= 1
    return true
  }
}

function positive(value: number, option: string): void {
  if (!Number.isFinite(value) || value <= 0) throw new TypeError(`${option} must be positive`)
}
