import { createHash } from 'node:crypto'
import { ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE } from '../issuer/protocol.ts'
import { type IssuedTokens, requestTokens } from '../oauth/token-request.ts'
import type {
  ClientCredentialsCredential,
  OAuthProvider,
  TargetCredential,
  TokenExchangeCredential,
} from './options.ts'
import { createTokenCache, type TokenCache } from './token-cache.ts'

/** The verified token of a caller. */
export interface InboundToken {
  readonly token: string
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** What a target's credential needs of its gateway. */
export interface CredentialContext {
  readonly clock: () => number
  /** Aborted when the gateway closes. */
  readonly closing: AbortSignal
}

/** How the gateway authenticates to one target. */
export interface Outbound {
  /** Headers for a call of `inbound`; for one of the gateway itself without. Names in lower case. */
  headers(inbound: InboundToken | undefined): Promise<Record<string, string>>
  /** @throws TypeError if the gateway does not have its own token. */
  machineToken(): Promise<string>
}

const REQUEST_TIMEOUT_MS = 10_000

/** Every target has its own tokens: nothing is shared with another target. */
export function createOutbound(credential: TargetCredential, context: CredentialContext): Outbound {
  switch (credential.type) {
    case 'clientCredentials':
      return clientCredentials(credential, context)
    case 'tokenExchange':
      return tokenExchange(credential, context)
    case 'passthrough':
      return { headers: async (inbound) => bearer(tokenOf(inbound)), machineToken: noMachineToken }
    case 'none':
      return { headers: async () => ({}), machineToken: noMachineToken }
  }
}

function clientCredentials(
  credential: ClientCredentialsCredential,
  context: CredentialContext,
): Outbound {
  const { forwardInboundToken, awsClientMetadata } = credential
  const cache = createTokenCache(context.clock)
  const machineToken = (): Promise<string> =>
    cache.get('', () => requestMachineToken(credential, context))
  const tokenFor = (inbound: InboundToken): Promise<string> => {
    const metadata = { ...awsClientMetadata, onBehalfOfToken: inbound.token }
    const own = { aws_client_metadata: JSON.stringify(metadata) }
    return perCaller(cache, inbound, () => requestMachineToken(credential, context, own))
  }
  return {
    machineToken,
    headers: async (inbound) => ({
      ...bearer(await (inbound && awsClientMetadata ? tokenFor(inbound) : machineToken())),
      ...(inbound &&
        forwardInboundToken && { [forwardInboundToken.header.toLowerCase()]: inbound.token }),
    }),
  }
}

function tokenExchange(credential: TokenExchangeCredential, context: CredentialContext): Outbound {
  const { provider, scopes, customParameters, resource } = credential
  const cache = createTokenCache(context.clock)
  const exchange = (inbound: InboundToken): Promise<IssuedTokens> =>
    request(provider, context, {
      ...customParameters,
      grant_type: TOKEN_EXCHANGE,
      subject_token: inbound.token,
      subject_token_type: ACCESS_TOKEN_TYPE,
      resource,
      scope: scopes?.join(' '),
    })
  const machineToken = (): Promise<string> =>
    cache.get('', () => requestMachineToken(credential, context))
  return {
    machineToken,
    headers: async (inbound) =>
      bearer(await (inbound ? perCaller(cache, inbound, () => exchange(inbound)) : machineToken())),
  }
}

function requestMachineToken(
  credential: ClientCredentialsCredential | TokenExchangeCredential,
  context: CredentialContext,
  own: Readonly<Record<string, string>> = {},
): Promise<IssuedTokens> {
  const { provider, scopes, customParameters, resource } = credential
  return request(provider, context, {
    ...customParameters,
    ...own,
    grant_type: 'client_credentials',
    resource,
    scope: scopes?.join(' '),
  })
}

function request(
  { tokenEndpoint, clientId: id, clientSecret: secret }: OAuthProvider,
  { closing }: CredentialContext,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<IssuedTokens> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])
  return requestTokens(tokenEndpoint, { id, secret }, parameters, signal)
}

// One key a token, not a user: a user's narrower token must not be served by a wider one's.
function perCaller(
  cache: TokenCache,
  { token, expiresAt }: InboundToken,
  load: () => Promise<IssuedTokens>,
): Promise<string> {
  return cache.get(createHash('sha256').update(token).digest('base64url'), load, expiresAt)
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}

function tokenOf(inbound: InboundToken | undefined): string {
  return inbound?.token ?? noToken()
}

async function noMachineToken(): Promise<string> {
  return noToken()
}

function noToken(): never {
  throw new TypeError('the gateway does not have its own token for this target')
}
