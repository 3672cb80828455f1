import type { DownstreamErrorCode, DownstreamErrorDetail } from '../errors.ts'

/** Why a grant gave no token. `said` is for operators alone. */
export class GrantFault extends Error {
  readonly code: DownstreamErrorCode
  readonly detail: Omit<DownstreamErrorDetail, 'api'>
  /** What the authorization server said, as it said it: it may name users. */
  readonly said: AnsweredError | undefined

  constructor(
    code: DownstreamErrorCode,
    detail: Omit<DownstreamErrorDetail, 'api'>,
    said?: AnsweredError,
  ) {
    super(detail.reason)
    this.code = code
    this.detail = detail
    this.said = said
  }
}

/** An error of a token endpoint (RFC 6749 section 5.2). */
export interface AnsweredError {
  readonly status: number
  readonly error: string
  readonly description: string | undefined
}
