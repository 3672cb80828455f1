import type { IdentityErrorCode } from './errors.ts'
import type { SourceKind } from './identity.ts'
import type { KeyEvent } from './keys/key-source.ts'

/** What happened while a request was authenticated. Wire it to logs, metrics and alerts. */
export type AuthenticatorEvent =
  | { readonly type: 'accepted'; readonly source: SourceKind }
  | { readonly type: 'refused'; readonly code: IdentityErrorCode; readonly reason: string }
  | { readonly type: 'claim_dropped'; readonly claim: 'organization' | 'roles' | 'scopes' }
  | (KeyEvent & { readonly issuer: string })

/** What every step of one authentication shares. */
export interface Context {
  /** Seconds since 1970, read once for the whole request. */
  readonly now: number
  report(event: AuthenticatorEvent): void
}
