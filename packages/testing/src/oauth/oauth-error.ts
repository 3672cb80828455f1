/** Fields of an {@link OAuthError}. */
export interface OAuthErrorOptions {
  /** HTTP status of the answer. */
  readonly status: number
  /** `error` of the answer (RFC 6749 section 5.2), or `invalid_response` when it has none. */
  readonly error: string
  /** `error_description` of the answer. */
  readonly description?: string | undefined
}

/** The local issuer refused a request. */
export class OAuthError extends Error {
  override readonly name: string = 'OAuthError'
  readonly status: number
  readonly error: string
  readonly description: string | undefined

  constructor(options: OAuthErrorOptions) {
    super('The issuer refused the request.')
    this.status = options.status
    this.error = options.error
    this.description = options.description
  }
}
