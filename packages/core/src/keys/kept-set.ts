import type { KeySet } from './key-set.ts'
import type { KeysFailed } from './key-source.ts'
import type { RefreshOptions } from './refresh-options.ts'

/** A key set and its ages, on the monotonic clock. */
export interface KeptSet {
  readonly set: KeySet
  readonly loadedAt: number
  /** From here on it is refreshed while it still serves. */
  readonly dueAt: number
  /** From here on it serves only because its source fails. */
  readonly staleAt: number
  /** From here on it does not serve. */
  readonly endsAt: number
}

/** A set that has just been loaded. */
export function keep(set: KeySet, settings: Required<RefreshOptions>): KeptSet {
  const { maxAgeSeconds, maxStaleSeconds, monotonic, random } = settings
  const loadedAt = monotonic()
  const staleAt = loadedAt + maxAgeSeconds
  // At 70 to 80 % of its age, so that servers which started together do not ask together.
  const dueAt = loadedAt + maxAgeSeconds * (0.7 + random() / 10)
  return { set, loadedAt, dueAt, staleAt, endsAt: staleAt + maxStaleSeconds }
}

/** What answers while a source fails, and for how long. */
export function serviceOf(
  kept: KeptSet | undefined,
  now: number,
): Pick<KeysFailed, 'serving' | 'usableForSeconds'> {
  if (kept === undefined || now >= kept.endsAt) return { serving: 'none', usableForSeconds: 0 }
  return { serving: now < kept.staleAt ? 'fresh' : 'stale', usableForSeconds: kept.endsAt - now }
}
