import type { Identity } from '../identity.ts'

/** Why a guard denied. The list is closed. */
export type DenialReason =
  | 'identity_missing'
  | 'identity_expired'
  | 'org_missing'
  | 'org_ambiguous'
  | 'org_mismatch'
  | 'org_role_missing'
  | 'user_required'
  | 'role_missing'
  | 'scope_missing'
  | 'check_failed'
  | 'guard_error'
  | 'session_owner_mismatch'

/** What would satisfy a denial. Only the members that the guard asked for are present. */
export interface Requirement {
  readonly organizations?: readonly string[]
  readonly roles?: readonly string[]
  readonly scopes?: readonly string[]
  readonly check?: string
}

/** The call continues. `organization` is the id of the organization that the guard decided on. */
export interface Allow {
  readonly effect: 'allow'
  readonly organization?: string
}

/** The call ends here. */
export interface Deny {
  readonly effect: 'deny'
  readonly reason: DenialReason
  /** Name of the guard that denied. */
  readonly guard: string
  readonly required: Requirement
}

/** Lists only: the verdict depends on arguments that are not known yet. */
export interface Unknown {
  readonly effect: 'unknown'
}

export type Decision = Allow | Deny | Unknown

/** What a guard may look at besides the identity. Absent while a list is filtered. */
export interface Call {
  /** Arguments of the call as parsed from JSON: not validated yet. */
  readonly arguments: unknown
}

/**
 * A named authorization rule as a value.
 *
 * `N` is what the identity is known to be once the guard allowed; it exists for types alone.
 */
export interface Guard<N extends Identity = Identity> {
  readonly name: string
  /**
   * Decides on an identity and, for a call, on its arguments. Without `call` it decides for a list
   * and may answer `unknown`.
   */
  decide(identity: Identity, call?: Call): Decision | Promise<Decision>
  readonly narrows?: (identity: N) => void
}

/** What an identity is after a guard of type `G` allowed it. */
export type Narrowed<G> = G extends Guard<infer N> ? N : never

export const allow: Allow = Object.freeze({ effect: 'allow' })
export const unknown: Unknown = Object.freeze({ effect: 'unknown' })

/** Builds a denial. */
export function deny(guard: string, reason: DenialReason, required: Requirement = {}): Deny {
  return Object.freeze({ effect: 'deny', guard, reason, required: Object.freeze(required) })
}
