import type { IdentityError } from './errors.ts'
import type { Identity } from './identity.ts'
import type { RequestedResource } from './resources/resources.ts'

/** What a call is aimed at. */
export interface AuditTarget {
  readonly kind: 'tool' | 'resource' | 'prompt'
  /** Name of the tool or prompt, URI of the resource. */
  readonly name: string
}

/** What intents and refusals say about a call. */
export interface AuditCall {
  /** Who calls, where that is known. */
  readonly identity?: Identity<unknown> | undefined
  /** Which of several resources it is for, where no identity says it. */
  readonly resource?: RequestedResource | undefined
  /**
   * MCP method, for example `tools/call`; for a request that nobody reads, `HTTP POST`; for a token
   * that is refused without HTTP, `authenticate`.
   */
  readonly method: string
  readonly target?: AuditTarget | undefined
  /** Arguments of the call. Taken as they are now: later changes are not seen. */
  readonly arguments?: unknown
  /**
   * JSON Schema of the arguments. Properties marked `writeOnly`, `format: password` or
   * `x-sensitive` are redacted. Of a completion it is that of what is completed.
   */
  readonly argumentsSchema?: unknown
  /**
   * What the caller answers to the questions of a tool, by the name of each: `inputResponses` of MCP
   * 2026-07-28. Taken and recorded as the arguments are, and redacted as their names are there.
   */
  readonly inputResponses?: unknown
  /**
   * JSON Schema that each of these answers was asked for with, `undefined` for one that was asked
   * without. Read for the same marks; an answer whose question is not in it is redacted as a whole.
   */
  readonly requestedSchemas?: Readonly<Record<string, unknown>> | undefined
  /** Name of the guard that decided. */
  readonly guard?: string | undefined
  /**
   * SHA-256 of the credential, base64url, where the identity does not name it. A keyed hash of that
   * is kept.
   */
  readonly credentialHash?: string | undefined
  /** W3C `traceparent`, from `_meta` or the header; ignored unless it is well-formed. */
  readonly traceparent?: string | undefined
  /** When the request arrived, by `performance.now()`. Default: when it is recorded. */
  readonly receivedAt?: number | undefined
}

/** A refused call: say why by `error`, or by `reason`. */
export interface AuditRefusal extends AuditCall {
  /** The error that refused; its code and reason are recorded, its cause is not. */
  readonly error?: IdentityError | undefined
  /** Reason in snake_case, where no error says it. */
  readonly reason?: string | undefined
  /** Id that the caller got, where no error has it. */
  readonly requestId?: string | undefined
  /** Code of the JSON-RPC error that answers it, where one does. */
  readonly errorCode?: number | undefined
}

/**
 * How a call ended: with an answer, with an answer marked as a tool's error, with an exception, or
 * cancelled by the caller.
 */
export type AuditOutcome = 'ok' | 'tool_error' | 'thrown' | 'cancelled'

/** How a call ended. */
export interface AuditResult {
  readonly outcome: AuditOutcome
  /** Code of the JSON-RPC error that answers it, where one does. */
  readonly errorCode?: number | undefined
  /** What the handler answered; recorded at the level `arguments+result`. */
  readonly value?: unknown
  /** JSON Schema of the result, read for the same marks as `argumentsSchema`. */
  readonly schema?: unknown
}

/** A token for another API that a call needed: obtained, kept from an earlier call, or refused. */
export interface AuditExchange {
  /** Name of the API. */
  readonly api: string
  /** How its tokens are obtained, for example `token_exchange`. */
  readonly grant: string
  readonly outcome: 'fresh' | 'cached' | 'refused'
  /** Scopes of the token; of a refusal, those that were asked for. */
  readonly scopes: readonly string[]
  /** `jti` of the token, where it shows one. */
  readonly tokenId?: string | undefined
  /** Reason of a refusal, in snake_case. */
  readonly reason?: string | undefined
}

/** A call that is recorded to run. */
export interface AuditIntent {
  /** Id of the event. */
  readonly id: string
  /**
   * Records that the call is about to use a token for another API, or did not get one.
   *
   * @throws IdentityError `AUDIT` in strict mode, when it cannot be recorded: do not use the token
   */
  exchange(exchange: AuditExchange): Promise<void>
  /**
   * Records how the call ended. Only the first call counts, and after `cancelled` one more: how a
   * handler ended that ran on.
   *
   * @throws IdentityError `AUDIT` in strict mode, when the result cannot be recorded: do not answer
   */
  result(result: AuditResult): Promise<void>
}

/**
 * Records calls. `createAuditTrail` of `@onbehalf/audit` makes one; the authenticator and `protect`
 * write to it.
 */
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
  /**
   * Whether arguments or the result of such a call are recorded, and so the marks of their schema are
   * needed. Default: they are not.
   */
  recordsValues?(call: Pick<AuditCall, 'method' | 'target'>): boolean
  /** Waits for what is under way, then closes the sink. Later calls are refused as `AUDIT`. */
  close(): Promise<void>
}
