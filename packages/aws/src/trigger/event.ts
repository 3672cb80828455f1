/**
 * What is read of the event of Amazon Cognito's pre token generation trigger. Descriptions of it
 * differ: members that are missing in some are not relied on.
 * @see https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
 */
export interface PreTokenGenerationEvent {
  readonly version: string
  readonly triggerSource: string
  readonly callerContext: { readonly clientId: string }
  readonly request: {
    /** `aws_client_metadata` of the token request. */
    readonly clientMetadata?: Readonly<Record<string, string>> | null
  }
  readonly response: object
}

/** A token request of a client, in parts that are known to be there. */
export interface MachineTokenRequest {
  readonly client: string
  /** The user's token; absent if none was sent. */
  readonly userToken: string | undefined
}
