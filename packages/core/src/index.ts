// From credentials to an identity
export { createAuthenticator } from './authenticator.ts'
export type { Authenticator, AuthenticatorOptions } from './authenticator.ts'
export type { AuthenticatorEvent } from './context.ts'
export type { CredentialRequest } from './credentials.ts'

// Sources
export { asserted } from './sources/asserted.ts'
export { direct } from './sources/direct.ts'
export { enriched } from './sources/enriched.ts'
export { forwarded } from './sources/forwarded.ts'
export { clientCertificate, gatewayToken, sharedSecret } from './sources/proof.ts'
export { signedHeader } from './sources/signed-header.ts'
export type { AssertedHeaders, AssertedOptions } from './sources/asserted.ts'
export type { DirectOptions } from './sources/direct.ts'
export type { EnrichedOptions, PersonClaimMap } from './sources/enriched.ts'
export type { BindingRule, ForwardedOptions } from './sources/forwarded.ts'
export type { ClientCertificateOptions, Proof, SharedSecretOptions } from './sources/proof.ts'
export type { SignedHeaderOptions } from './sources/signed-header.ts'
export type { Source } from './sources/source.ts'

// Issuers
export { issuer } from './issuer.ts'
export type { ClaimReader } from './claims.ts'
export type { Issuer, IssuerOptions, Keys } from './issuer.ts'
export type { ClaimMap, TokenType } from './issuer-rules.ts'
export type { StandardSchema, StandardResult } from './standard-schema.ts'
export type { Algorithm } from './token/algorithm.ts'

// Identity
export { createIdentity, principalKey } from './identity.ts'
export type {
  Actor,
  Claims,
  Gateway,
  Identity,
  IdentityParts,
  Organization,
  SourceKind,
} from './identity.ts'

// Refusing
export { asIdentityError, IdentityError, isIdentityError } from './errors.ts'
export { createRefusal } from './refusal.ts'
export type { IdentityErrorCode, IdentityErrorDetail } from './errors.ts'
export type { ProtectedResourceMetadata } from './metadata.ts'
export type { Refusal, RefusalContext } from './refusal.ts'

// Carrying an identity through an MCP SDK
export { createAuthInfo, identityOfAuthInfo } from './auth-info.ts'
export type { AuthInfo, AuthInfoOptions } from './auth-info.ts'

// Guards
export {
  all,
  allow,
  any,
  check,
  decide,
  deny,
  narrow,
  organization,
  role,
  scope,
  unknown,
  user,
} from './guards/index.ts'
export type {
  Allow,
  Call,
  CheckFunction,
  DecideOptions,
  Decision,
  DenialReason,
  Deny,
  Guard,
  Narrowed,
  OrganizationOptions,
  Requirement,
  ScopeOptions,
  Unknown,
  UserIdentity,
  WithOrganization,
} from './guards/index.ts'
