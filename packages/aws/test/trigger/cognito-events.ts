import type { PreTokenGenerationEvent } from '@onbehalf/aws'

export const GATEWAY = '7gatewayclientid00example'

/** The event for client credentials, with every member that Cognito is described to send. */
export function machineEvent(clientMetadata?: Readonly<Record<string, string>>) {
  return {
    version: '3',
    triggerSource: 'TokenGeneration_ClientCredentials',
    region: 'eu-central-1',
    userPoolId: 'eu-central-1_AbCdEf123',
    callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: GATEWAY },
    request: {
      userAttributes: {},
      groupConfiguration: { groupsToOverride: [], iamRolesToOverride: [], preferredRole: null },
      scopes: ['crm-mcp/tools.call'],
      ...(clientMetadata && { clientMetadata }),
    },
    response: { claimsAndScopeOverrideDetails: null },
  }
}

/** The same event, as it may look when the client sent no metadata. */
export function withMetadata(clientMetadata: unknown): PreTokenGenerationEvent {
  const event = machineEvent()
  return { ...event, request: { ...event.request, clientMetadata } } as PreTokenGenerationEvent
}

type Change = (event: Record<string, unknown>) => Record<string, unknown>

const request =
  (change: object): Change =>
  (event) => ({ ...event, request: { ...(event['request'] as object), ...change } })

/** Forms of the same event in which descriptions of it differ. */
export const variants: Readonly<Record<string, Change>> = {
  'as published': (event) => event,
  'with the client as user name': (event) => ({ ...event, userName: GATEWAY }),
  'with an empty user name': (event) => ({ ...event, userName: '' }),
  'with no group configuration': request({ groupConfiguration: null }),
  'with an empty group configuration': request({ groupConfiguration: {} }),
  'with no user attributes': request({ userAttributes: null }),
  'with no scopes': request({ scopes: undefined }),
  'with an empty response': (event) => ({ ...event, response: {} }),
  'with parts of the response prepared': (event) => ({
    ...event,
    response: {
      claimsAndScopeOverrideDetails: { accessTokenGeneration: null, idTokenGeneration: null },
    },
  }),
}

/** The event of a person who signs in, by each of the triggers that Cognito names. */
export const signInSources = [
  'TokenGeneration_HostedAuth',
  'TokenGeneration_Authentication',
  'TokenGeneration_NewPasswordChallenge',
  'TokenGeneration_AuthenticateDevice',
  'TokenGeneration_RefreshTokens',
] as const

export function signInEvent(triggerSource: string, version = '3'): PreTokenGenerationEvent {
  return {
    version,
    triggerSource,
    region: 'eu-central-1',
    userPoolId: 'eu-central-1_AbCdEf123',
    userName: 'jane',
    callerContext: {
      awsSdkVersion: 'aws-sdk-unknown-unknown',
      clientId: '5webclientid0000example',
    },
    request: {
      userAttributes: {
        sub: '0f2c7c1e-3c1a-4c57-9a55-6c9d4f0a1b2c',
        email: 'jane@acme.example',
        'custom:tenant_id': 'acme',
      },
      groupConfiguration: {
        groupsToOverride: ['support'],
        iamRolesToOverride: [],
        preferredRole: null,
      },
      scopes: ['openid', 'crm-mcp/tools.call'],
    },
    response: { claimsAndScopeOverrideDetails: null },
  } as PreTokenGenerationEvent
}
