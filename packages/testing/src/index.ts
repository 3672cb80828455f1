// Calls as a caller of your choice.

export {
  type Access,
  type AccessTable,
  type AccessTest,
  accessMatrix,
} from './calls/access-matrix.ts'
export type { Answer } from './calls/answer.ts'
export {
  callTool,
  getPrompt,
  listPrompts,
  listResources,
  listTools,
  readResource,
} from './calls/calls.ts'
export type { Caller, CallTarget, FetchHandler } from './calls/connect.ts'
export { type TestIdentityOptions, testIdentity } from './calls/test-identity.ts'
// A gateway on loopback.

export type { GatewayHop, TokenFacts } from './gateway/hop.ts'
export type { InterceptorRequestEvent, RequestInterceptor } from './gateway/interceptor.ts'
export { createLocalGateway, type LocalGateway } from './gateway/local-gateway.ts'
export type {
  ClientCredentialsCredential,
  LocalGatewayOptions,
  LocalTarget,
  NoCredential,
  OAuthProvider,
  PassthroughCredential,
  TargetCredential,
  TokenExchangeCredential,
} from './gateway/options.ts'
export type { ListedTool } from './gateway/tools.ts'
// An authorization server on loopback.
export { createLocalIssuer, type LocalIssuer } from './issuer/local-issuer.ts'
export type {
  LocalClient,
  LocalExchange,
  LocalIssuerOptions,
  LocalIssuerProfile,
  LocalOrganization,
  LocalResource,
  LocalUser,
} from './issuer/options.ts'
export type {
  AccessTokenGeneration,
  PreTokenEvent,
  PreTokenResponse,
  PreTokenTrigger,
} from './issuer/pre-token-event.ts'
export type {
  ClientCredentialsOptions,
  ExchangeOptions,
  IssuerRequests,
  SignInOptions,
} from './issuer/requests.ts'
export { OAuthError, type OAuthErrorOptions } from './oauth/oauth-error.ts'
export type { IssuedTokens } from './oauth/token-request.ts'
// What every store must do.
export { type StoreRule, storeRules } from './store-rules.ts'
// Tokens, sound and hostile.
export {
  createTokenMinter,
  type MintedToken,
  type MintOptions,
  type MintTokenOptions,
  mintToken,
  type TokenMinter,
  type TokenMinterOptions,
} from './tokens/mint-token.ts'
export type { ForgedAlgorithm, SigningAlgorithm, SigningKey } from './tokens/sign-jws.ts'
