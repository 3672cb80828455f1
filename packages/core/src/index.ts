// From credentials to an identity

export type { Authenticated } from './adapters/authenticated.ts'
export type {
  AuditCall,
  AuditExchange,
  AuditIntent,
  AuditOutcome,
  AuditRefusal,
  AuditResult,
  AuditTarget,
  AuditTrail,
} from './audit.ts'
export type { AuthenticateOptions } from './authenticator/authenticate.ts'
export type { Authenticator, AuthenticatorOptions } from './authenticator/authenticator.ts'
export { createAuthenticator } from './authenticator/authenticator.ts'
// For sources, proofs and confirmations of your own
export type { AuthenticatorEvent, Context, Revocable, TokenHolder } from './context.ts'
export type { Credential, Credentials } from './credentials/credentials.ts'
export type { CredentialRequest, HeaderRecord } from './credentials/header-lines.ts'
export type {
  DpopError,
  IdentityErrorCode,
  IdentityErrorDetail,
  RefusalDetail,
} from './errors.ts'
// Refusing
export { asIdentityError, IdentityError, isIdentityError } from './errors.ts'
export type {
  Actor,
  Claims,
  Gateway,
  Identity,
  IdentityParts,
  Organization,
  SourceKind,
} from './identity.ts'
// Identity
export { createIdentity, principalKey } from './identity.ts'
export type { ClaimMap } from './issuer/caller-facts.ts'
export type { ClaimOptions, RequiredClaims } from './issuer/claim-options.ts'
export type { ClaimReader } from './issuer/claims.ts'
export { firstOf } from './issuer/claims.ts'
export type { FamilyLimits } from './issuer/family/family.ts'
export type { IssuersOptions, ListedIssuer } from './issuer/family/issuers.ts'
export { issuers } from './issuer/family/issuers.ts'
export type { IntrospectionOptions } from './issuer/introspection/introspected.ts'
export { introspected } from './issuer/introspection/introspected.ts'
export type { Issuer, IssuerFamily, IssuerOptions, Keys, SigningIssuer } from './issuer/issuer.ts'
// Issuers
export { issuer } from './issuer/issuer.ts'
export type { TokenType } from './issuer/issuer-rules.ts'
export type { KindRule } from './issuer/kind.ts'
export type { StandardResult, StandardSchema } from './issuer/standard-schema.ts'
export type {
  HoldsKey,
  IgnoredKeyReason,
  KeyEvent,
  KeyLookup,
  KeyQuery,
  KeySource,
  KeysFailed,
  KeysLoaded,
  KeyUnknown,
  ReportKeyEvent,
} from './keys/key-source.ts'
export type {
  CertificateBoundOptions,
  CertificateProxy,
} from './proof-of-possession/certificate-bound.ts'
// Tokens that are bound to a key of their holder
export { certificateBound } from './proof-of-possession/certificate-bound.ts'
export type { Confirmation, ConfirmationInput } from './proof-of-possession/confirmation.ts'
export type { DpopOptions } from './proof-of-possession/dpop.ts'
export { dpop } from './proof-of-possession/dpop.ts'
export type { NonceOptions, Nonces } from './proof-of-possession/nonces.ts'
export { dpopNonces } from './proof-of-possession/nonces.ts'
export type { FetchReason, RefusalReason } from './reasons.ts'
export type {
  ConfirmationMetadata,
  DescriptionMetadata,
  ProtectedResourceMetadata,
  ResourceDescription,
} from './refusal/metadata.ts'
export type { Refusal, RefusalContext } from './refusal/refusal.ts'
export { createRefusal } from './refusal/refusal.ts'
export type { RequestedResource, ResourceOf } from './resources/resources.ts'
export type { BackChannelLogoutOptions } from './revocation/back-channel-logout.ts'
// Ending a session before its tokens expire
export { backChannelLogout } from './revocation/back-channel-logout.ts'
export type { Revocation, RevocationStore, RevokedMembers } from './revocation/revocation.ts'
export type { DirectOptions } from './sources/direct.ts'
export { direct } from './sources/direct.ts'
export type { EnrichedOptions } from './sources/enriched.ts'
export { enriched } from './sources/enriched.ts'
export type { UserClaimMap } from './sources/enriched-user.ts'
export type { BindingRule, ForwardedOptions } from './sources/forwarded.ts'
export { forwarded } from './sources/forwarded.ts'
export type {
  PlainHeaderNames,
  PlainHeadersOptions,
} from './sources/plain-headers.ts'
// Sources
export { plainHeaders } from './sources/plain-headers.ts'
export type {
  ClientCertificateOptions,
  GatewayProof,
  Proven,
  SharedSecretOptions,
} from './sources/proof.ts'
export { clientCertificate, gatewayToken, sharedSecret } from './sources/proof.ts'
export type { SignedHeaderOptions } from './sources/signed-header.ts'
export { signedHeader } from './sources/signed-header.ts'
export type { Source } from './sources/source.ts'
export type { MemoryStoreOptions } from './stores/memory-store.ts'
export { memoryStore } from './stores/memory-store.ts'
export type { Store } from './stores/store.ts'
export type { Algorithm } from './token/algorithm.ts'
export type { VerificationKey } from './token/verify-signature.ts'
export type { CacheLimits } from './verdicts/verdict-cache.ts'
