/** What a trigger changes in an access token. */
export interface AccessTokenGeneration {
  readonly claimsToAddOrOverride?: Readonly<Record<string, unknown>> | null
  readonly claimsToSuppress?: readonly string[] | null
  readonly scopesToAdd?: readonly string[] | null
  readonly scopesToSuppress?: readonly string[] | null
}

/**
 * Event of Amazon Cognito's pre token generation trigger, version `V3_0`.
 * @see https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
 */
export interface PreTokenEvent {
  version: '3'
  triggerSource: 'TokenGeneration_ClientCredentials' | 'TokenGeneration_HostedAuth'
  region: string
  userPoolId: string
  /** Absent when no user signs in. */
  userName?: string
  callerContext: { awsSdkVersion: string; clientId: string }
  request: {
    /** Empty when no user signs in. */
    userAttributes: Record<string, string>
    groupConfiguration: {
      groupsToOverride: string[]
      iamRolesToOverride: string[]
      preferredRole: string | null
    }
    scopes: string[]
    /** `aws_client_metadata` of the token request. Absent when nothing was sent. */
    clientMetadata?: Record<string, string>
  }
  response: PreTokenResponse
}

/** What the trigger fills in. `accessTokenGeneration` is what a local issuer reads of it. */
export interface PreTokenResponse {
  claimsAndScopeOverrideDetails?: {
    readonly accessTokenGeneration?: AccessTokenGeneration | null
    readonly [other: string]: unknown
  } | null
}

/** Returns the event with its `response` filled, as a Lambda function does. Throws to refuse the token. */
export type PreTokenTrigger = (
  event: PreTokenEvent,
) => { readonly response: PreTokenResponse } | Promise<{ readonly response: PreTokenResponse }>
