import type { IgnoredKeyReason, KeyQuery, VerificationKey } from './key-set.ts'

/** What happened to a key source. Wire it to metrics and alerts. */
export type KeyEvent =
  | {
      readonly type: 'keys_loaded'
      readonly usable: number
      readonly ignored: readonly IgnoredKeyReason[]
    }
  | { readonly type: 'keys_failed'; readonly failures: number; readonly reason: string }
  | { readonly type: 'key_unknown'; readonly lookedAgain: boolean }

/** Receives the events of one look-up. */
export type ReportKeyEvent = (event: KeyEvent) => void

/** What a token says about its key, and who it says signed it. */
export interface KeyLookup extends KeyQuery {
  /** `iss` of the token: one of the issuer's exact values. */
  readonly issuer: string
}

/** Where the keys of an issuer come from. */
export interface KeySource {
  /**
   * The keys that may have signed a token, four at most.
   *
   * @throws IdentityError `DOWN` when no usable key set is at hand
   */
  find(lookup: KeyLookup, report: ReportKeyEvent): Promise<readonly VerificationKey[]>
  /**
   * Loads the keys if none are at hand.
   *
   * @throws IdentityError `DOWN`
   */
  ready(report: ReportKeyEvent): Promise<void>
}
