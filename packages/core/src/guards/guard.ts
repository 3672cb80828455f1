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
  | 'guard_timeout'
  | 'session_owner_mismatch'
  | 'rate_limited'
  | 'concurrency_limited'
  | 'time_limited'
  | 'limit_unavailable'
  | 'too_many_open'
  | 'server_stopping'

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
  /** Of a limit: seconds since 1970 from which the call may be tried again. */
  readonly until?: number
  /** Of a limit that cannot be counted: why. It reaches no caller. */
  readonly cause?: unknown
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
  /** Scopes that it asks of every caller, for lists to tell. It decides nothing. */
  readonly scopes?: readonly string[]
  readonly narrows?: (identity: N) => void
  /** What counts a call after every guard allowed it. */
  readonly limits?: readonly Limit[]
}

/** What a limit may look at. */
export interface LimitedCall extends Call {
  readonly kind?: 'tool' | 'resource' | 'prompt' | 'method'
  /** Name of the tool, prompt or template, URI of the resource; absent where no server says it. */
  readonly name?: string
}

/** What is left of a limit after a call was counted. */
export interface Budget {
  /** Name of the limit. */
  readonly limit: string
  /** How many calls it allows. */
  readonly points: number
  readonly remaining: number
  /** Seconds since 1970 at which all of them are there again; absent where they come back one by one. */
  readonly until?: number
}

/** A call within a limit. */
export interface Granted {
  readonly effect: 'allow'
  readonly budget?: Budget
  /** After so many seconds the call is ended. */
  readonly seconds?: number
  /** Why the call was not counted, if it runs all the same. */
  readonly failure?: unknown
  /** Called once, when the call is over. */
  readonly end?: () => void
  /** Called before `end` when the call does not run after all. */
  readonly undo?: () => void
}

/** What a limit says about a call. */
export type Taken = Granted | Deny

/**
 * Counts calls: how often, how many at once, how long. A guard has it as one of its `limits`; it is asked
 * once per call, when every guard has allowed that, and never for lists.
 */
export interface Limit {
  readonly name: string
  take(identity: Identity, call: LimitedCall): Taken | Promise<Taken>
}

/** What an identity is after a guard of type `G` allowed it. */
export type Narrowed<G> = G extends Guard<infer N> ? N : never

export const allow: Allow = Object.freeze({ effect: 'allow' })
export const unknown: Unknown = Object.freeze({ effect: 'unknown' })

/** Builds a denial. */
export function deny(guard: string, reason: DenialReason, required: Requirement = {}): Deny {
  return Object.freeze({ effect: 'deny', guard, reason, required: Object.freeze(required) })
}
