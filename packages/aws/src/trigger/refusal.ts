const messages = {
  event_unknown: 'The event is not one of a pre token generation trigger V3',
  metadata_malformed: 'The client metadata is malformed',
  metadata_too_large: 'The client metadata is too large',
  client_may_not_vouch: 'The client may not vouch for users',
  user_token_missing: 'A user token is required',
  user_token_refused: 'The user token was refused',
  not_a_user: 'The user token does not name a user',
  claim_refused: 'The claim was refused',
  claim_too_large: 'The claim is too large',
  unavailable: 'The user token cannot be verified now',
} as const

/** Why a token request failed. */
export type TriggerRefusalReason = keyof typeof messages

/**
 * Fails a token request. Cognito passes `message` to the client, and Lambda logs the whole error: it
 * holds fixed text only.
 */
export class TriggerRefusal extends Error {
  readonly reason: TriggerRefusalReason
  /** The rule that refused the user's token (as in `IdentityError.reason`) or the claim. */
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
