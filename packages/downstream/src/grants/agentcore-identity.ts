import type { Identity } from '@onbehalf/core'
import { assertOptions, textDigest, withDeadline } from '@onbehalf/core/internal'
import { GrantFault } from '../oauth/fault.ts'
import { type Grant, type ObtainedToken, subjectTokenOf, type TokenRequest } from './grant.ts'

/** The part of `BedrockAgentCore` of `@aws-sdk/client-bedrock-agentcore` that is used. */
export interface AgentCoreClient {
  getWorkloadAccessTokenForJWT(input: {
    workloadName: string
    userToken: string
  }): Promise<{ workloadAccessToken: string | undefined }>
  getWorkloadAccessTokenForUserId(input: {
    workloadName: string
    userId: string
  }): Promise<{ workloadAccessToken: string | undefined }>
  getResourceOauth2Token(input: {
    workloadIdentityToken: string
    resourceCredentialProviderName: string
    scopes: string[]
    oauth2Flow: 'ON_BEHALF_OF_TOKEN_EXCHANGE' | 'USER_FEDERATION'
    resourceOauth2ReturnUrl?: string
    resources?: string[]
    audiences?: string[]
  }): Promise<{ accessToken?: string | undefined; authorizationUrl?: string | undefined }>
}

export interface AgentCoreIdentityOptions {
  /** `new BedrockAgentCore({ region })`. */
  readonly client: AgentCoreClient
  /** Name of this server's workload identity. */
  readonly workloadName: string
  /** Name of the credential provider for the API. */
  readonly credentialProvider: string
  /**
   * `ON_BEHALF_OF_TOKEN_EXCHANGE` exchanges the subject's token; with `USER_FEDERATION` users connect
   * their own accounts first, by a URL that comes with a `CONSENT` error.
   */
  readonly flow: 'ON_BEHALF_OF_TOKEN_EXCHANGE' | 'USER_FEDERATION'
  /** Where users return to after consent. Default: what the workload identity allows, if it is one. */
  readonly returnUrl?: string
  /** Seconds for one token: above 0, 60 at most. Default 10. */
  readonly timeoutSeconds?: number
}

/**
 * Tokens from the vault of Amazon Bedrock AgentCore Identity.
 *
 * https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/on-behalf-of-token-exchange.html
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function agentCoreIdentity(options: AgentCoreIdentityOptions): Grant {
  const { client, workloadName, credentialProvider, flow, timeoutSeconds = 10 } = options
  assertOptions('agentCoreIdentity', options, {
    client: true,
    workloadName: true,
    credentialProvider: true,
    flow: true,
    returnUrl: true,
    timeoutSeconds: true,
  })
  if (flow !== 'ON_BEHALF_OF_TOKEN_EXCHANGE' && flow !== 'USER_FEDERATION') {
    throw new TypeError('flow must be ON_BEHALF_OF_TOKEN_EXCHANGE or USER_FEDERATION')
  }
  if (typeof client?.getResourceOauth2Token !== 'function') {
    throw new TypeError('client must be a BedrockAgentCore')
  }
  return Object.freeze<Grant>({
    name: 'agentcore_identity',
    actsFor: 'subject',
    needsSubjectToken: flow === 'ON_BEHALF_OF_TOKEN_EXCHANGE',
    client: [workloadName, credentialProvider, flow],
    assertTarget: () => undefined,
    obtain: (request) => {
      const late = () => new GrantFault('DOWN', { reason: 'token_endpoint_timeout' })
      return withDeadline(timeoutSeconds, () => obtain(options, request), late)
    },
  })
}

async function obtain(
  options: AgentCoreIdentityOptions,
  request: TokenRequest,
): Promise<ObtainedToken> {
  const { client, credentialProvider, flow, returnUrl } = options
  const { scopes, resource, audience } = request
  try {
    const answer = await client.getResourceOauth2Token({
      workloadIdentityToken: await workloadToken(options, request),
      resourceCredentialProviderName: credentialProvider,
      scopes: [...scopes],
      oauth2Flow: flow,
      ...(returnUrl !== undefined && { resourceOauth2ReturnUrl: returnUrl }),
      ...(resource !== undefined && { resources: [resource] }),
      ...(audience !== undefined && { audiences: [audience] }),
    })
    const { accessToken, authorizationUrl: url } = answer
    if (accessToken) return { text: accessToken, scopes, lifetimeSeconds: undefined }
    throw url
      ? new GrantFault('CONSENT', { reason: 'consent_required', url })
      : new GrantFault('REFUSED', { reason: 'token_endpoint_answer_malformed' })
  } catch (thrown) {
    throw toFault(thrown)
  }
}

async function workloadToken(
  { client, workloadName, flow }: AgentCoreIdentityOptions,
  request: TokenRequest,
): Promise<string> {
  const hasToken = request.subjectToken !== undefined || flow === 'ON_BEHALF_OF_TOKEN_EXCHANGE'
  const { workloadAccessToken: token } = hasToken
    ? await client.getWorkloadAccessTokenForJWT({
        workloadName,
        userToken: subjectTokenOf(request),
      })
    : await client.getWorkloadAccessTokenForUserId({
        workloadName,
        userId: await userId(request.identity),
      })
  if (token) return token
  throw new GrantFault('REFUSED', { reason: 'token_endpoint_answer_malformed' })
}

/** A name for the vault that is of one user of one issuer, and does not show who that is. */
function userId({ principal }: Identity<unknown>): Promise<string> {
  return textDigest(principal)
}

/** Errors of the AWS SDK have a name, and the status of the answer. */
function toFault(thrown: unknown): GrantFault {
  if (thrown instanceof GrantFault) return thrown
  const { name = '', $metadata } = (thrown ?? {}) as {
    name?: string
    $metadata?: { httpStatusCode?: number }
  }
  const status = $metadata?.httpStatusCode ?? 0
  const said = { status, error: name, description: undefined }
  if (status === 0 || status === 429 || status >= 500) {
    return new GrantFault('DOWN', { reason: 'token_endpoint_unavailable' }, said)
  }
  const reason = name === 'AccessDeniedException' ? 'access_denied' : 'exchange_refused'
  return new GrantFault('REFUSED', { reason }, said)
}
