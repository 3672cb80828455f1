import { isRecord } from '@onbehalf/core/internal'
import { errors } from 'oidc-provider'
import type { TokenChanges } from './changes.ts'
import type { LocalUser } from './options.ts'
import type { PreTokenEvent, PreTokenTrigger } from './pre-token-event.ts'

/** What the event tells about a token request. */
export interface TokenRequestFacts {
  readonly clientId: string
  /** Absent for client credentials. */
  readonly user: LocalUser | undefined
  readonly scopes: readonly string[]
  /** The raw `aws_client_metadata` parameter. */
  readonly clientMetadata: unknown
}

/**
 * Calls the trigger as Cognito does. The answer crosses as JSON, as that of a Lambda function would.
 *
 * @throws an OAuth `invalid_request` when the trigger throws or answers with something else than an event;
 * then no token is issued.
 */
export async function runPreTokenTrigger(
  trigger: PreTokenTrigger,
  facts: TokenRequestFacts,
): Promise<TokenChanges> {
  const event = createEvent(facts)
  try {
    return parseChanges(overJson(await trigger(event)))
  } catch (cause) {
    throw new errors.InvalidRequest('PreTokenGeneration failed with error', 400, { cause })
  }
}

function overJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}

function parseChanges(answer: Awaited<ReturnType<PreTokenTrigger>>): TokenChanges {
  const generation = answer.response.claimsAndScopeOverrideDetails?.accessTokenGeneration ?? {}
  return {
    claimsToAddOrOverride: parseClaims(generation.claimsToAddOrOverride ?? {}),
    claimsToSuppress: parseNames(generation.claimsToSuppress ?? []),
    scopesToAdd: parseNames(generation.scopesToAdd ?? []),
    scopesToSuppress: parseNames(generation.scopesToSuppress ?? []),
  }
}

function parseClaims(claims: unknown): TokenChanges['claimsToAddOrOverride'] {
  if (isRecord(claims)) return claims
  throw new TypeError('claimsToAddOrOverride must be an object')
}

function parseNames(names: unknown): readonly string[] {
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names
  throw new TypeError('claims and scopes must be listed as strings')
}

function createEvent(facts: TokenRequestFacts): PreTokenEvent {
  const { clientId, user, scopes } = facts
  const clientMetadata = parseClientMetadata(facts.clientMetadata)
  return {
    version: '3',
    triggerSource: user ? 'TokenGeneration_HostedAuth' : 'TokenGeneration_ClientCredentials',
    region: 'local',
    userPoolId: 'local_onbehalf',
    ...(user && { userName: user.id }),
    callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId },
    request: {
      userAttributes: user ? attributesOf(user) : {},
      groupConfiguration: {
        groupsToOverride: [...(user?.roles ?? [])],
        iamRolesToOverride: [],
        preferredRole: null,
      },
      scopes: [...scopes],
      ...(clientMetadata && { clientMetadata }),
    },
    response: { claimsAndScopeOverrideDetails: null },
  }
}

function attributesOf(user: LocalUser): Record<string, string> {
  const { id: sub, name, email, organization } = user
  return {
    sub,
    ...(name && { name }),
    ...(email && { email }),
    ...(organization && { 'custom:org_id': organization.id }),
  }
}

function parseClientMetadata(parameter: unknown): Record<string, string> | undefined {
  if (parameter === undefined) return undefined
  const metadata = typeof parameter === 'string' ? parseJson(parameter) : undefined
  if (!isStringMap(metadata)) {
    throw new errors.InvalidRequest('aws_client_metadata must be a JSON object of strings')
  }
  return metadata
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isStringMap(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((member) => typeof member === 'string')
}
