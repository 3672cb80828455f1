import type { Identity, IdentityError } from '@onbehalf/core'
import type { RedactionPath } from '../capture/redaction.ts'
import type { AuditOutcome, AuditTarget } from '../event.ts'
import type { SinkLike } from '../sinks/sink.ts'

/**
 * How much of a call is recorded, as in Kubernetes:
 *
 * - `none`: nothing, unless it is refused
 * - `metadata`: everything but values; of the arguments a keyed hash
 * - `arguments`: also the arguments
 * - `arguments+result`: also the result
 */
export type AuditLevel = 'none' | 'metadata' | 'arguments' | 'arguments+result'

/** The levels of a server. */
export interface AuditLevels {
  /** Level of all that is not named. Default: `metadata`. */
  readonly default?: AuditLevel
  /** Levels of tools by name. */
  readonly tools?: Readonly<Record<string, AuditLevel>>
}

/** What intents and refusals tell of a call. */
export interface AuditCall {
  /** Who calls, where that is known. */
  readonly identity?: Identity<unknown> | undefined
  /** MCP method, for example `tools/call`; for a request refused before it is read, `HTTP POST`. */
  readonly method: string
  readonly target?: AuditTarget | undefined
  /** Arguments of the call. Taken as they are now: later changes are not seen. */
  readonly arguments?: unknown
  /**
   * JSON Schema of the arguments. Properties marked `writeOnly`, `format: password` or
   * `x-sensitive` are redacted.
   */
  readonly argumentsSchema?: unknown
  /** Name of the guard that decided. */
  readonly guard?: string | undefined
  /** Credential as it arrived; only a keyed hash is kept, where the identity has no `jti`. */
  readonly credential?: string | undefined
  /** W3C `traceparent`, from `_meta` or the header; ignored unless it is well-formed. */
  readonly traceparent?: string | undefined
}

/** A refused call: say why by `error`, or by `reason`. */
export interface AuditRefusal extends AuditCall {
  /** The error that refused; its code and reason are recorded, its cause is not. */
  readonly error?: IdentityError | undefined
  /** Reason in snake_case, where no error says it. */
  readonly reason?: string | undefined
}

/** How a call ended. */
export interface AuditResult {
  readonly outcome: AuditOutcome
  /** What the handler answered; recorded at the level `arguments+result`. */
  readonly value?: unknown
  /** JSON Schema of the result, read for the same marks as `argumentsSchema`. */
  readonly schema?: unknown
}

/** A call that is recorded to run. */
export interface AuditIntent {
  /** Id of the event. */
  readonly id: string
  /**
   * Records how the call ended. Only the first call counts.
   *
   * @throws IdentityError `AUDIT` in strict mode, when the result cannot be recorded: do not answer
   */
  result(result: AuditResult): Promise<void>
}

/** Records calls. */
export interface AuditTrail {
  /**
   * Records that a call is about to run. Resolves when the sink has it, and in best-effort mode at
   * once.
   *
   * @throws IdentityError `AUDIT` in strict mode, when it cannot be recorded: do not run the handler
   */
  intent(call: AuditCall): Promise<AuditIntent>
  /**
   * Records that a call was refused, at every level.
   *
   * @throws IdentityError `AUDIT` in strict mode, when it cannot be recorded
   */
  refusal(refusal: AuditRefusal): Promise<void>
  /** Waits for what is under way, then closes the sink. Later calls are refused as `AUDIT`. */
  close(): Promise<void>
}

/** Settings of an {@link AuditTrail}. */
export interface AuditTrailOptions {
  /** Where events go; `fanOut` makes one sink of several. */
  readonly sink: SinkLike
  /**
   * What happens to a call that cannot be recorded. `strict`: it does not run. `best-effort`: it
   * runs, and the next event tells how many are missing.
   */
  readonly mode: 'strict' | 'best-effort'
  /**
   * Secret under which arguments and credentials are hashed: at least 32 bytes, the same for all
   * processes whose events are compared.
   */
  readonly key: Uint8Array
  readonly levels?: AuditLevels
  /**
   * Paths to redact in recorded values, with `*` for any member: `arguments.password`,
   * `arguments.cards.*.number`, `result.structuredContent.token`.
   */
  readonly redact?: readonly RedactionPath[]
  /** About how many characters of JSON are kept of arguments or a result. Default: 16384. */
  readonly maxValueLength?: number
  /** Events that may wait for the sink at once; more are refused or dropped. Default: 10000. */
  readonly maxPending?: number
  /** Seconds that a strict call waits for the sink. Default: 5. */
  readonly timeoutSeconds?: number
  /** Name and version of this server, told in every event. */
  readonly server?: { readonly name: string; readonly version: string }
  /** Seconds since 1970, fractions included. Default: the system's clock. */
  readonly clock?: () => number
  /** Hears why an event was not recorded. An exception in it changes nothing. */
  readonly onError?: (error: unknown) => void
}
