// A gateway on loopback.
export { createLocalGateway, type LocalGateway } from './local-gateway.ts'
export type { GatewayHop, TokenFacts } from './local-gateway-hop.ts'
export type { InterceptorRequestEvent, RequestInterceptor } from './local-gateway-interceptor.ts'
export type {
  ClientCredentialsCredential,
  LocalGatewayOptions,
  LocalTarget,
  NoCredential,
  OAuthProvider,
  PassthroughCredential,
  TargetCredential,
  TokenExchangeCredential,
} from './local-gateway-options.ts'
export type { ListedTool } from './local-gateway-tools.ts'
// An authorization server on loopback.
export { createLocalIssuer, type LocalIssuer } from './local-issuer.ts'
export type {
  LocalClient,
  LocalExchange,
  LocalIssuerOptions,
  LocalIssuerProfile,
  LocalOrganization,
  LocalResource,
  LocalUser,
} from './local-issuer-options.ts'
export type {
  ClientCredentialsOptions,
  ExchangeOptions,
  IssuerRequests,
  SignInOptions,
} from './local-issuer-requests.ts'
// Tokens, sound and hostile.
export {
  createTokenMinter,
  type MintedToken,
  type MintOptions,
  type MintTokenOptions,
  mintToken,
  type TokenMinter,
  type TokenMinterOptions,
} from './mint-token.ts'
export { OAuthError, type OAuthErrorOptions } from './oauth-error.ts'
export type {
  AccessTokenGeneration,
  PreTokenEvent,
  PreTokenResponse,
  PreTokenTrigger,
} from './pre-token-event.ts'
export type { ForgedAlgorithm, SigningAlgorithm, SigningKey } from './sign-jws.ts'
export type { IssuedTokens } from './token-request.ts'
