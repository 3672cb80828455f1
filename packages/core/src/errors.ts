import type { SourceKind } from './identity.ts'
import type { RefusalReason } from './reasons.ts'
import type { RequestedResource } from './resources/resources.ts'

/**
 * Every way in which a request can be refused. The list is closed: anything unexpected inside the
 * library becomes one of these, never an acceptance.
 *
 * | code      | HTTP | meaning                                                        |
 * | --------- | ---- | -------------------------------------------------------------- |
 * | `MISSING` | 401  | no credential, or none for the user (RFC 6750 section 3.1)    |
 * | `REQ`     | 400  | malformed or ambiguous credentials (`invalid_request`)          |
 * | `TOK`     | 401  | a token was refused (`invalid_token`)                           |
 * | `SCOPE`   | 403  | valid, but the token lacks scopes (`insufficient_scope`)        |
 * | `BIND`    | 401  | the user's token is not bound to this gateway                 |
 * | `DOWN`    | 503  | keys are unavailable, or this server failed: not the caller's fault |
 * | `AUDIT`   | 503  | the call could not be recorded                                  |
 * | `SESS`    | 404  | the session, task or stream is another principal's, or no resource has the path |
 * | `LIMIT`   | 429  | too many calls, or too many refused credentials                 |
 */
export type IdentityErrorCode =
  | 'MISSING'
  | 'REQ'
  | 'TOK'
  | 'SCOPE'
  | 'BIND'
  | 'DOWN'
  | 'AUDIT'
  | 'SESS'
  | 'LIMIT'

const table: Record<IdentityErrorCode, readonly [status: number, message: string]> = {
  MISSING: [401, 'Authentication required'],
  REQ: [400, 'The request carries malformed or ambiguous credentials'],
  TOK: [401, 'The access token was refused'],
  SCOPE: [403, 'The access token lacks a required scope'],
  BIND: [401, 'The access token was refused'],
  DOWN: [503, 'The request cannot be served right now'],
  AUDIT: [503, 'The call cannot be recorded'],
  SESS: [404, 'Not found'],
  LIMIT: [429, 'Too many requests'],
}

const brand = Symbol.for('onbehalf.IdentityError')

/** Error codes of RFC 9449 that concern a proof: sections 7.1 and 9. */
export type DpopError = 'invalid_dpop_proof' | 'use_dpop_nonce'

/**
 * Which credential was refused, and what this server expects of it. Everything in it comes from the
 * configuration or names a rule: never a token, the value of a claim or of a header.
 */
export interface RefusalDetail {
  /** Whose credential it is: the gateway's own, or the one that names the subject. */
  readonly role?: 'user' | 'gateway'
  /** Kind of the source that decided. */
  readonly source?: SourceKind
  /** Name of the header, in lower case. */
  readonly header?: string
  /** The issuer whose rules applied, by its first configured name. */
  readonly issuer?: string
  /** Name of the claim that broke the rule. */
  readonly claim?: string
  /** What the configuration accepts: audiences, clients, algorithms, scopes. */
  readonly expected?: readonly (string | number | boolean)[]
}

/** What an operator may know about a refusal. Never a token, a claim or a header value. */
export interface IdentityErrorDetail {
  /** Stable, machine-readable reason in snake_case, for example `expired` or `binding_client`. */
  readonly reason: RefusalReason
  /** Scopes that would satisfy a `SCOPE` refusal. */
  readonly scopes?: readonly string[]
  /** Seconds after which a `DOWN` or `LIMIT` refusal is worth retrying. */
  readonly retryAfterSeconds?: number | undefined
  /** What a DPoP proof lacks, where the token itself is good (RFC 9449 section 7.1). */
  readonly dpopError?: DpopError | undefined
  /** Nonce to answer with when a DPoP proof lacks it (RFC 9449 section 9). */
  readonly dpopNonce?: string | undefined
  /** Which credential, and what was expected of it. */
  readonly failure?: RefusalDetail
  /** Id of the refused request, which its caller receives as well. */
  readonly requestId?: string | undefined
  /** Which resource the request is for, where the server has several: the challenge leads to it. */
  readonly resource?: RequestedResource | undefined
  /** What went wrong underneath. Not shown to callers. */
  readonly cause?: unknown
}

/**
 * A refused request. `message` is fixed ASCII text for each code and safe to show to anyone;
 * `reason` says to the operator which rule refused.
 */
export class IdentityError extends Error {
  readonly code: IdentityErrorCode
  /** HTTP status that answers this refusal. */
  readonly status: number
  /** Operator-facing reason in snake_case. It names a rule, never a value. */
  readonly reason: RefusalReason
  /** Scopes that would satisfy a `SCOPE` refusal; empty otherwise. */
  readonly scopes: readonly string[]
  /** Seconds after which a `DOWN` or `LIMIT` refusal is worth retrying. */
  readonly retryAfterSeconds: number | undefined
  /** Set when a DPoP proof was refused and not the token: the client makes a new proof. */
  readonly dpopError: DpopError | undefined
  /** Nonce that a DPoP proof has to carry, when that is what is missing. */
  readonly dpopNonce: string | undefined
  /** Which credential was refused, and what was expected of it; empty where neither is known. */
  readonly failure: RefusalDetail
  /** Id of the refused request: the caller has it as `x-request-id`. */
  readonly requestId: string | undefined
  /** Which resource the request is for, where the server has several. */
  readonly resource: RequestedResource | undefined

  static {
    Object.defineProperty(this.prototype, brand, { value: true })
    Object.defineProperty(this.prototype, 'name', { value: 'IdentityError' })
  }

  constructor(code: IdentityErrorCode, detail: IdentityErrorDetail) {
    super(table[code][1], 'cause' in detail ? { cause: detail.cause } : undefined)
    this.code = code
    this.status = table[code][0]
    this.reason = detail.reason
    this.scopes = Object.freeze([...(detail.scopes ?? [])])
    this.retryAfterSeconds = detail.retryAfterSeconds
    this.dpopError = detail.dpopError
    this.dpopNonce = detail.dpopNonce
    this.failure = Object.freeze({ ...detail.failure })
    this.requestId = detail.requestId
    this.resource = detail.resource
  }
}

/** Whether a value is an {@link IdentityError}, also one made by another copy of this package. */
export function isIdentityError(value: unknown): value is IdentityError {
  return typeof value === 'object' && value !== null && brand in value
}

/**
 * Turns any throw into an {@link IdentityError}. What is not understood is a failure of this server:
 * it is refused as `DOWN`, so that no caller throws a good token away for it.
 */
export function asIdentityError(error: unknown): IdentityError {
  if (isIdentityError(error)) return error
  return new IdentityError('DOWN', { reason: 'internal_error', cause: error })
}

/**
 * The refusal with what a caller of the failed step knows about it. What the step said itself stays.
 * A copy: several requests may have waited for one promise that was rejected.
 */
export function withFailure(
  thrown: unknown,
  failure: RefusalDetail,
  { requestId, resource }: Pick<IdentityErrorDetail, 'requestId' | 'resource'> = {},
): IdentityError {
  const error = asIdentityError(thrown)
  // One that another copy of this package made may have a code that this one does not know.
  if (!Object.hasOwn(table, error.code)) {
    return withFailure(
      new IdentityError('DOWN', { reason: 'internal_error', cause: error }),
      failure,
      { requestId, resource },
    )
  }
  const { code, reason, scopes, retryAfterSeconds, dpopError, dpopNonce } = error
  const copy = new IdentityError(code, {
    reason,
    scopes,
    retryAfterSeconds,
    dpopError,
    dpopNonce,
    ...('cause' in error && { cause: error.cause }),
    failure: { ...failure, ...error.failure },
    requestId: requestId ?? error.requestId,
    resource: resource ?? error.resource,
  })
  if (error.stack !== undefined) copy.stack = error.stack
  return copy
}
