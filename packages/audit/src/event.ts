import type {
  Actor,
  AuditExchange,
  AuditOutcome,
  AuditTarget,
  Gateway,
  IdentityErrorCode,
  RequestedResource,
} from '@onbehalf/core'

/**
 * What an event tells: that a call is about to run, that it needed a token for another API, how it
 * ended, or that it was refused.
 */
export type AuditEventType = 'intent' | 'exchange' | 'result' | 'refusal'

/** Arguments or a result, as far as the level of the tool lets them into the trail. */
export interface CapturedValue {
  /**
   * HMAC-SHA-256 of the whole value in canonical form, base64url: equal values can be found by who
   * holds the key, and guessed by nobody else.
   */
  readonly hash: string
  /** The value after redaction and truncation; absent at the level `metadata`. */
  readonly value?: unknown
  /** Something of the value was left out or replaced for its size, depth or type. */
  readonly truncated?: true
}

/** Who the call is for: unique by issuer **and** subject. */
export interface AuditPrincipal {
  readonly issuer: string
  readonly subject: string
  readonly kind: 'user' | 'service'
}

/**
 * Which credential was used: its `jti`, or HMAC-SHA-256 of its SHA-256 in base64url. Never the
 * credential.
 */
export type AuditCredential = { readonly jti: string } | { readonly hash: string }

/** What was decided, by which guard and why. */
export interface AuditDecision {
  readonly effect: 'allow' | 'deny'
  /** Name of the guard that decided. */
  readonly guard?: string
  /** Reason of a refusal, in snake_case. */
  readonly reason?: string
  /** Code of the `IdentityError` behind a refusal. */
  readonly code?: IdentityErrorCode
  /** Id of a refused request: its caller has it as `x-request-id`. */
  readonly requestId?: string
}

/** What a W3C `traceparent` says. */
export interface AuditTrace {
  /** Trace id: 32 hexadecimal digits. */
  readonly id: string
  /** Id of the span that made the call: 16 hexadecimal digits. */
  readonly parent: string
  /** The caller may have recorded that span. */
  readonly sampled: boolean
}

/** One entry of the trail. Its order comes from the log that keeps it, never by `time`. */
export interface AuditEvent {
  /** Random UUID. */
  readonly id: string
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string
  readonly type: AuditEventType
  /** On a result: id of the intent that it ends. On an exchange: id of the intent that it belongs to. */
  readonly intent?: string
  readonly principal?: AuditPrincipal
  readonly organization?: { readonly id: string; readonly name?: string }
  /** Who acted for the principal, outermost first. */
  readonly actor?: Actor
  /** OAuth client that obtained the principal's credential. */
  readonly client?: string
  /** Which of the server's resources the request was for; absent where it has one. */
  readonly resource?: RequestedResource
  readonly gateway?: Gateway
  readonly source?: string
  readonly credential?: AuditCredential
  /** MCP method, or what is known of a request that was refused before it was read. */
  readonly method: string
  readonly target?: AuditTarget
  readonly arguments?: CapturedValue
  /** What the caller answered to the questions of a tool, by the name of each. */
  readonly inputResponses?: CapturedValue
  readonly result?: CapturedValue
  /** The token that the call needed; `credential` is the one that it was obtained with. */
  readonly exchange?: AuditExchange
  readonly decision: AuditDecision
  readonly outcome?: AuditOutcome
  /** Code of the JSON-RPC error that answered. */
  readonly errorCode?: number
  /**
   * Milliseconds from the arrival of the request to its result or refusal, by a clock that never goes
   * back.
   */
  readonly durationMs?: number
  /** Where the caller says that the call belongs in a distributed trace. */
  readonly trace?: AuditTrace
  readonly server?: { readonly name: string; readonly version: string }
  /** How many events before this one could not be recorded. */
  readonly dropped?: number
}
