const table = {
  event_unknown: [500, 'The interceptor does not understand this version of the event'],
  response_event: [500, 'The interceptor is for requests only'],
  headers_missing: [500, 'The interceptor gets no headers: set passRequestHeaders'],
  batch: [400, 'Batches are not supported'],
  header_duplicate: [400, 'A header was sent twice'],
  target_unknown: [403, 'The interceptor does not know the target'],
  person_required: [403, 'A person is required'],
  value_unfit: [403, 'The identity does not fit into a header'],
  value_too_large: [403, 'The identity is too large for the target'],
  token_refused: [403, 'No token for the target was issued to the caller'],
  token_unavailable: [503, 'No token for the target can be had now'],
  internal: [500, 'The interceptor failed'],
} as const

/** Why an interceptor stops a request, besides what is wrong with its credentials. */
export type InterceptorRefusalReason = keyof typeof table

/** Stops a request. `message` is fixed text for the caller. */
export class InterceptorRefusal extends Error {
  readonly reason: InterceptorRefusalReason
  readonly status: number
  /** What failed underneath, by a word that names a rule. */
  readonly detail: string | undefined

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'InterceptorRefusal' })
  }

  constructor(reason: InterceptorRefusalReason, detail?: string) {
    const [status, message] = table[reason]
    super(message)
    this.reason = reason
    this.status = status
    this.detail = detail
  }
}
