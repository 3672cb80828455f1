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
  /** Ids of keys that earlier sets had and this one has not. */
  readonly withdrawn: ReadonlySet<string>
}

// Far more than an issuer withdraws within the life of a token.
const maxWithdrawn = 100

/** A set that has just been loaded. */
export function keep(
  loaded: KeySet,
  settings: Required<RefreshOptions>,
  before: KeptSet | undefined,
): KeptSet {
  const { maxAgeSeconds, maxStaleSeconds, monotonic, random } = settings
  const loadedAt = monotonic()
  const staleAt = loadedAt + maxAgeSeconds
  // At 70 to 80 % of its age, so that servers which started together do not ask together.
  const dueAt = loadedAt + maxAgeSeconds * (0.7 + random() / 10)
  const set = withKnownKeys(loaded, before?.set)
  const withdrawn = withdrawnSince(before, set)
  return { set, loadedAt, dueAt, staleAt, endsAt: staleAt + maxStaleSeconds, withdrawn }
}

/** A key that did not change stays the same object: what it verified need not be verified again. */
function withKnownKeys({ keys, ignored }: KeySet, before: KeySet | undefined): KeySet {
  const known = new Map(before?.keys.map((key) => [key.fingerprint, key]))
  return { keys: keys.map((key) => known.get(key.fingerprint) ?? key), ignored }
}

function withdrawnSince(before: KeptSet | undefined, { keys }: KeySet): ReadonlySet<string> {
  const current = new Set(keys.map(({ keyId }) => keyId))
  const earlier = before?.set.keys.flatMap(({ keyId }) => keyId ?? []) ?? []
  const ids = [...(before?.withdrawn ?? []), ...earlier].filter((id) => !current.has(id))
  return new Set(ids.slice(-maxWithdrawn))
}

/** What answers while a source fails, and for how long. */
export function serviceOf(
  kept: KeptSet | undefined,
  now: number,
): Pick<KeysFailed, 'serving' | 'usableForSeconds'> {
  if (kept === undefined || now >= kept.endsAt) return { serving: 'none', usableForSeconds: 0 }
  return { serving: now < kept.staleAt ? 'fresh' : 'stale', usableForSeconds: kept.endsAt - now }
}
