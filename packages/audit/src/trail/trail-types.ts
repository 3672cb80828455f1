import type { RedactionPath } from '../capture/redaction.ts'
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
  /** Levels of MCP methods by name, such as `completion/complete`. */
  readonly methods?: Readonly<Record<string, AuditLevel>>
  /** Levels of tools by name. They count before that of `tools/call`. */
  readonly tools?: Readonly<Record<string, AuditLevel>>
}

/** Settings of an audit trail. */
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
   * `arguments.cards.*.number`, `inputResponses.*.content.pin`, `result.structuredContent.token`. Paths
   * of arguments count for the contents of answers to questions as well.
   */
  readonly redact?: readonly RedactionPath[]
  /** About how many characters of JSON are kept of arguments or a result. Default: 16384. */
  readonly maxValueLength?: number
  /** Events that may wait for the sink at once; more are refused or dropped. Default: 10000. */
  readonly maxPending?: number
  /** Seconds that a strict call waits for the sink. Default: 5. */
  readonly timeoutSeconds?: number
  /** Name and version of this server, in every event. */
  readonly server?: { readonly name: string; readonly version: string }
  /** Seconds since 1970, fractions included. Default: the system's clock. */
  readonly clock?: () => number
  /** Hears why an event was not recorded. An exception in it changes nothing. */
  readonly onError?: (error: unknown) => void
}
