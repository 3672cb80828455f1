// The APIs that handlers call

export { path } from './api/address.ts'
export type { DownstreamApi } from './api/downstream-api.ts'
export type { ApiOptions, ConsentOptions } from './api/options.ts'
export type { Caller } from './caller.ts'
export type { Downstream, DownstreamOptions } from './create-downstream.ts'
export { createDownstream } from './create-downstream.ts'
export type { AccessToken } from './tokens/access-token.ts'
export type { SharedTokensOptions } from './tokens/sealed-store.ts'

// How tokens for them are obtained

export type { AgentCoreClient, AgentCoreIdentityOptions } from './grants/agentcore-identity.ts'
export { agentCoreIdentity } from './grants/agentcore-identity.ts'
export type { ClientCredentialsOptions, OwnTokenOptions } from './grants/client-credentials.ts'
export { clientCredentials } from './grants/client-credentials.ts'
export type { CrossAppAccessOptions } from './grants/cross-app-access.ts'
export { crossAppAccess } from './grants/cross-app-access.ts'
export type { EntraOnBehalfOfOptions } from './grants/entra-on-behalf-of.ts'
export { entraOnBehalfOf } from './grants/entra-on-behalf-of.ts'
export type {
  ApiTarget,
  Grant,
  ObtainedToken,
  SubjectTokenType,
  TokenRequest,
} from './grants/grant.ts'
export type { TokenExchangeOptions } from './grants/token-exchange.ts'
export { tokenExchange } from './grants/token-exchange.ts'
export type { ClientOptions } from './oauth/client-authentication.ts'
export type { AuthorizationServerOptions } from './oauth/token-endpoint.ts'

// What a refused call gets, and what operators learn

export type { DownstreamErrorCode, DownstreamErrorDetail } from './errors.ts'
export { DownstreamError, isDownstreamError } from './errors.ts'
export type { DownstreamEvent } from './events.ts'
