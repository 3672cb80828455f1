import type { DenialReason } from './guard.ts'

/** Where a refused caller's program finds the {@link Denial}: a key under `_meta` of the answer. */
export const denialKey = 'dev.onbehalf/denial'

/** Why a call was refused, as its caller may know it. */
export interface Denial {
  readonly reason: DenialReason
  /** Name of the guard that refused. */
  readonly guard: string
  /**
   * What would satisfy the guard: roles and scopes alone. Organizations are left out, since their
   * ids may belong to other tenants.
   */
  readonly required: { readonly roles?: readonly string[]; readonly scopes?: readonly string[] }
  /** Of a limit: seconds since 1970 from which the call may be tried again. */
  readonly until?: number
}

/** What a refused caller reads. */
export const denialTexts: Readonly<Record<DenialReason, string>> = {
  identity_missing: 'Access denied: the call carries no verified identity.',
  identity_expired: 'Access denied: the identity behind the call has expired.',
  org_missing: 'Access denied: the caller acts for no organization.',
  org_ambiguous: 'Access denied: the caller has several organizations and none is selected.',
  org_mismatch: 'Access denied: the caller does not act for this organization.',
  org_role_missing: 'Access denied: the caller lacks a required role in the organization.',
  user_required: 'Access denied: the call has no user.',
  role_missing: 'Access denied: the caller lacks a required role.',
  scope_missing: 'Access denied: the access token lacks a required scope.',
  check_failed: 'Access denied: the caller does not meet the conditions of this operation.',
  guard_error: 'Access denied: the authorization rule could not be evaluated.',
  guard_timeout: 'Access denied: the authorization rule could not be evaluated in time.',
  session_owner_mismatch: 'Access denied: this belongs to another caller.',
  too_many_open: 'Access denied: the caller has too many open tasks or pages.',
  rate_limited: 'Limit reached: too many calls.',
  concurrency_limited: 'Limit reached: too many calls at once.',
  time_limited: 'Limit reached: the call took too long and was ended.',
  limit_unavailable: 'The call cannot be counted right now.',
  server_stopping: 'The server is stopping and has ended the call.',
}
