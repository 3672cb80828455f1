import type { Credential } from './credentials/credentials.ts'
import type { IdentityErrorCode, RefusalDetail } from './errors.ts'
import type { Claims, SourceKind } from './identity.ts'
import type { KeyEvent } from './keys/key-source.ts'
import type { RefusalReason } from './reasons.ts'
import type { RequestedResource } from './resources/resources.ts'

/** What happened while a request was authenticated. Wire it to logs, metrics and alerts. */
export type AuthenticatorEvent =
  | {
      readonly type: 'accepted'
      readonly source: SourceKind
      /** Which resource it was for, where the server has several. */
      readonly resource?: RequestedResource
    }
  | {
      readonly type: 'refused'
      readonly code: IdentityErrorCode
      readonly reason: RefusalReason
      /** Which credential, and what was expected of it. */
      readonly failure?: RefusalDetail
      /** The caller has it as `x-request-id`. */
      readonly requestId?: string
      /** Which resource it was for, where the server has several. */
      readonly resource?: RequestedResource
    }
  | {
      readonly type: 'claim_dropped'
      readonly claim: 'email' | 'organization' | 'roles' | 'scopes'
    }
  /** At start: an issuer is asked over `http`, on these hosts (`insecureHttpHosts`). */
  | { readonly type: 'insecure_http'; readonly issuer: string; readonly hosts: readonly string[] }
  /** An issuer of a family was found on its list, and is held from now on; or is no longer on it. */
  | { readonly type: 'issuer_added' | 'issuer_removed'; readonly issuer: string }
  /** When an API key was used last could not be kept. The call is served all the same. */
  | { readonly type: 'key_use_not_kept'; readonly cause: unknown }
  /** `revoke` was called without a shared store: other processes accept what was revoked. */
  | { readonly type: 'revocation_not_shared' }
  | (KeyEvent & { readonly issuer: string })

/** The parts of a credential that revocation compares. An identity is one. */
export interface Revocable {
  readonly issuer: string
  readonly subject: string
  /** `jti` of a token that carries the subject, where `claims` do not have it. */
  readonly tokenId?: string | undefined
  /** For `jti`, `sid`, `sub` and `iat`. Without `iat`, a revocation of the subject always covers. */
  readonly claims: Claims
}

/** Whose token it is. */
export interface TokenHolder {
  readonly issuer: string
  readonly subject: string
  readonly client: string | undefined
}

/** What every step of one authentication shares. */
export interface Context {
  /** Seconds since 1970, read once for the whole request. */
  readonly now: number
  report(event: AuthenticatorEvent): void
  /** Which resource the request is for; absent where the server has one. */
  readonly resource?: RequestedResource | undefined
  /**
   * Of the audiences that an issuer states, those of which a token has to name one for this resource.
   * Absent where the server has one: then all of them.
   */
  audiencesAt?(audiences: readonly string[]): readonly string[]
  /** The name by which identities of an issuer are known: its first, or the given one. */
  issuerName(issuer: string): string
  /**
   * Checks that the caller holds the key that a token is bound to (RFC 7800 section 3), if it is
   * bound to one.
   *
   * @returns a promise only where there is something to wait for
   * @throws IdentityError `TOK` when it does not, or when nobody here can tell
   */
  confirm(cnf: unknown, holder: TokenHolder, credential: Credential): Promise<void> | undefined
  /**
   * @returns a promise only where there is something to wait for
   * @throws IdentityError `TOK` when the token, its session or its subject was revoked
   */
  checkRevoked(revocable: Revocable): Promise<void> | undefined
}
