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
