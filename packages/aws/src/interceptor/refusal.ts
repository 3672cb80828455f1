const table = {
  event_unknown: [500, 'The interceptor does not understand this version of the event'],
  response_event: [500, 'The interceptor is for requests only'],
  headers_missing: [500, 'The interceptor receives no headers: set passRequestHeaders'],
  batch: [400, 'Batches are not supported'],
  header_duplicate: [400, 'A header was sent twice'],
  target_unknown: [403, 'The interceptor does not know the target'],
  user_required: [403, 'A user is required'],
  value_unfit: [403, 'The identity does not fit into a header'],
  value_too_large: [403, 'The identity is too large for the target'],
  proof_unavailable: [503, 'The call cannot be passed on now'],
  token_refused: [403, 'No token for the target was issued to the caller'],
  token_unavailable: [503, 'No token for the target is available now'],
  internal: [500, 'The interceptor failed'],
} as const

/** Why an interceptor stops a request, besides what is wrong with its credentials. */
export type InterceptorRefusalReason = keyof typeof table

/** Stops a request. `message` is fixed text for the caller. */
export class InterceptorRefusal extends Error {
  readonly reason: InterceptorRefusalReason
  readonly status: number
  /** More precisely what failed: the name of a rule or of a header. */
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
