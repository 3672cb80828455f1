/**
 * Why an API was not called on the subject's behalf. The list is closed.
 *
 * | code       | meaning                                                                   |
 * | ---------- | ------------------------------------------------------------------------- |
 * | `SUBJECT`  | there is nobody, or nobody any more, on whose behalf it could be called     |
 * | `CONSENT`  | the user has to sign in or to consent first                                 |
 * | `STEP_UP`  | the user has to sign in more strongly first (RFC 9470)                      |
 * | `SCOPE`    | the user, or the token for them, lacks scopes                               |
 * | `REFUSED`  | the authorization server refused for another reason                         |
 * | `TARGET`   | the handler asked for an address that is not this API's, or sent a token    |
 * | `DOWN`     | the authorization server or the API is out of reach                         |
 */
export type DownstreamErrorCode =
  | 'SUBJECT'
  | 'CONSENT'
  | 'STEP_UP'
  | 'SCOPE'
  | 'REFUSED'
  | 'TARGET'
  | 'DOWN'

const texts: Record<DownstreamErrorCode, string> = {
  SUBJECT: 'This call cannot be made on behalf of the caller',
  CONSENT: 'The user has to give consent first',
  STEP_UP: 'The user has to sign in with a stronger method first',
  SCOPE: 'The user lacks a permission that this call needs',
  REFUSED: 'Access to the API was refused',
  TARGET: 'This address must not be called',
  DOWN: 'The API cannot be reached right now',
}

/** What is known about a {@link DownstreamError}. Never a token or an answer's text. */
export interface DownstreamErrorDetail {
  /** Name of the API, as configured. */
  readonly api: string
  /** Stable reason in snake_case; it names a rule, never a value. */
  readonly reason: string
  /** Scopes that are missing, where they are known. */
  readonly scopes?: readonly string[] | undefined
  /** Authentication contexts that would do (RFC 9470 section 3), for `STEP_UP`. */
  readonly acrValues?: readonly string[] | undefined
  /** How old the sign-in may be, in seconds (RFC 9470 section 3), for `STEP_UP`. */
  readonly maxAgeSeconds?: number | undefined
  /** Where the user gives consent, for `CONSENT`, where the authorization server says so. */
  readonly url?: string | undefined
  /** Seconds after which another attempt may succeed, for `DOWN`. */
  readonly retryAfterSeconds?: number | undefined
}

const brand = Symbol.for('onbehalf.DownstreamError')

/**
 * An API was not called on the subject's behalf. `message` is fixed text for each code and reason,
 * safe for model and client: a handler may let it pass, and it becomes a tool's error.
 */
export class DownstreamError extends Error {
  readonly code: DownstreamErrorCode
  readonly api: string
  readonly reason: string
  readonly scopes: readonly string[]
  readonly acrValues: readonly string[]
  readonly maxAgeSeconds: number | undefined
  readonly url: string | undefined
  readonly retryAfterSeconds: number | undefined

  static {
    Object.defineProperty(this.prototype, brand, { value: true })
    Object.defineProperty(this.prototype, 'name', { value: 'DownstreamError' })
  }

  constructor(code: DownstreamErrorCode, detail: DownstreamErrorDetail) {
    super(`${texts[code]} (${detail.api}: ${detail.reason}).`)
    this.code = code
    this.api = detail.api
    this.reason = detail.reason
    this.scopes = Object.freeze([...(detail.scopes ?? [])])
    this.acrValues = Object.freeze([...(detail.acrValues ?? [])])
    this.maxAgeSeconds = detail.maxAgeSeconds
    this.url = detail.url
    this.retryAfterSeconds = detail.retryAfterSeconds
  }
}

/** Whether a value is a {@link DownstreamError}, also one made by another copy of this package. */
export function isDownstreamError(value: unknown): value is DownstreamError {
  return typeof value === 'object' && value !== null && brand in value
}
