// What the @onbehalf packages share and users do not see. Not public: it changes in any release,
// without regard to semver.

// Calling other APIs as the subject
export { authenticateNow } from './authenticator/authenticator.ts'
export type { SubjectCredential, SubjectTokens } from './authenticator/subject-tokens.ts'
export { isSubjectTokenKept, keepSubjectTokens } from './authenticator/subject-tokens.ts'
// Reading and verifying what is not an OAuth token
export type { Context, Revocable } from './context.ts'
export { withFailure } from './errors.ts'
export { denialTexts } from './guards/denial.ts'
export { gatewayMayList } from './identity.ts'
export { basicAuthorization } from './internal/basic-authorization.ts'
export { reservedCognitoClaims } from './internal/cognito-claims.ts'
export { isEqual, sha256, textDigest, textDigestNow } from './internal/digest.ts'
export type { OptionNames } from './internal/options.ts'
export { assertOptions, headerName, toObserver } from './internal/options.ts'
// Small tools
export type { Awaitable } from './internal/promises.ts'
export { andThen, withDeadline } from './internal/promises.ts'
export { readBounded } from './internal/read-bounded.ts'
export { isLoopback, safeUrl, secureUrl } from './internal/safe-url.ts'
export { asText, isEmpty, isRecord, isText } from './internal/values.ts'
export { exposeClaims } from './issuer/accept-claims.ts'
export { dropper } from './issuer/caller-facts.ts'
export { toSchema } from './issuer/claim-options.ts'
export { asNames, asOrganizations, readClaim } from './issuer/claims.ts'
export { isWorkload } from './issuer/kind.ts'
export { type Backoff, createBackoff } from './keys/backoff.ts'
export { createBudget } from './keys/budget.ts'
export { FetchError } from './keys/fetch-error.ts'
export { type FetchOptions, fetchDocument } from './keys/fetch-json.ts'
export { type KeySet, parseKeySet } from './keys/key-set.ts'
export type { KeyEvent, KeySource, ReportKeyEvent } from './keys/key-source.ts'
export { refreshingKeys } from './keys/refreshing-keys.ts'
export { resourceMetadataUrl } from './refusal/metadata.ts'
export { createStepUpRefusal, type StepUp } from './refusal/refusal.ts'
export {
  createMirror,
  type MirrorEntry,
  type MirrorEvent,
  type MirrorLog,
  type MirrorOptions,
  type MirrorPage,
  mirrorOptions,
  type RevocationMirror,
} from './revocation/mirror.ts'
// Stores
export { guardedStore } from './stores/guarded-store.ts'
export { type Place, Places } from './stores/places.ts'
export type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  RedisClient,
  Send,
} from './stores/redis-commands.ts'
export { toSend, toSendWords, unexpected } from './stores/redis-commands.ts'
export { parseJsonObject } from './token/json-object.ts'
export { parseToken } from './token/parse-token.ts'
export type { VerificationKey } from './token/verify-signature.ts'
