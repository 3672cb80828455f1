const messages = {
  event_unknown: 'The event is none of a pre token generation trigger V3',
  metadata_malformed: 'The client metadata is malformed',
  metadata_too_large: 'The client metadata is too large',
  client_may_not_vouch: 'The client may not vouch for persons',
  user_token_missing: 'A user token is required',
  user_token_refused: 'The user token was refused',
  not_a_person: 'The user token names no person',
  claim_refused: 'The claim does not fit its schema',
  claim_too_large: 'The claim is too large',
  unavailable: 'The user token cannot be verified now',
} as const

/** Why a token request failed. */
export type TriggerRefusalReason = keyof typeof messages

/**
 * Fails a token request. Cognito hands `message` to the client, and Lambda logs the whole error: there
 * is nothing on it but fixed text.
 */
export class TriggerRefusal extends Error {
  readonly reason: TriggerRefusalReason
  /** The rule that refused the person's token, as in `IdentityError.reason`. */
  readonly detail: string | undefined

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'TriggerRefusal' })
  }

  constructor(reason: TriggerRefusalReason, detail?: string) {
    super(messages[reason])
    this.reason = reason
    this.detail = detail
  }
}
