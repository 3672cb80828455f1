/** A document that could not be fetched or used; `reason` names the rule in snake_case. */
export class FetchError extends Error {
  readonly reason: string
  constructor(reason: string, cause?: unknown) {
    super(`The document was refused: ${reason}`, { cause })
    this.name = 'FetchError'
    this.reason = reason
  }
}
