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
