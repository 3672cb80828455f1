import type { Awaitable } from '../internal/promises.ts'
import type { FetchReason } from '../reasons.ts'
import type { Algorithm } from '../token/algorithm.ts'
import type { VerificationKey } from '../token/verify-signature.ts'

/** Why a member of a key set is not used. */
export type IgnoredKeyReason = 'malformed' | 'private' | 'use' | 'algorithm' | 'weak'

/** What a token says about its key. */
export interface KeyQuery {
  readonly algorithm: Algorithm
  readonly keyId: string | undefined
  /** How many keys are wanted for a token that names none. Default 4. */
  readonly limit?: number
}

/** A key set was fetched and is in use. */
export interface KeysLoaded {
  readonly type: 'keys_loaded'
  /** Number of keys in use. */
  readonly usable: number
  /** One entry for each member that is not used. `'private'` is an alarm: its owner leaked it. */
  readonly ignored: readonly IgnoredKeyReason[]
}

/** A refresh failed. While a source fails, this comes about once a minute. */
export interface KeysFailed {
  readonly type: 'keys_failed'
  /** Failures since the last success. */
  readonly failures: number
  /** The rule in snake_case, for example `dns`, `tls`, `timeout`, `status_500`, `no_usable_key`. */
  readonly reason: FetchReason | 'internal_error'
  /** The address that was asked, without its query; absent where the failure is not about one. */
  readonly url?: string
  readonly ignored: readonly IgnoredKeyReason[]
  /** What answers meanwhile: a set within its age, one beyond it, or nothing (callers get 503). */
  readonly serving: 'fresh' | 'stale' | 'none'
  /** Seconds until nothing answers any more. */
  readonly usableForSeconds: number
}

/** A token named a key that the set does not have. */
export interface KeyUnknown {
  readonly type: 'key_unknown'
  /** Whether the set was fetched again for it; `false` when the budget for that was spent. */
  readonly lookedAgain: boolean
}

/** What happened to a key source. Wire it to metrics and alerts. */
export type KeyEvent = KeysLoaded | KeysFailed | KeyUnknown

/** Receives the events of one look-up. It never throws. */
export type ReportKeyEvent = (event: KeyEvent) => void

/** What a token says about its key, and who it says signed it. */
export interface KeyLookup extends KeyQuery {
  /** `iss` of the token: one of the issuer's exact values. */
  readonly issuer: string
}

/**
 * Whether a key is in the set that a look-up would use at this moment, and so may still be relied on.
 *
 * @returns a promise only where there is something to wait for
 */
export type HoldsKey = (key: VerificationKey, report: ReportKeyEvent) => Awaitable<boolean>

/** Where the keys of an issuer come from. */
export interface KeySource {
  /**
   * The keys that may have signed a token, `limit` at most; a promise only where there is something to
   * wait for.
   *
   * @throws IdentityError `DOWN` when no usable key set is at hand
   */
  find(lookup: KeyLookup, report: ReportKeyEvent): Awaitable<readonly VerificationKey[]>
  /** Without it, signatures are verified on every request. */
  readonly holds?: HoldsKey
  /**
   * Loads the keys if none are at hand.
   *
   * @throws IdentityError `DOWN`
   */
  ready(report: ReportKeyEvent): Promise<void>
}
