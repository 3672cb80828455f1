// Small tools that the @onbehalf packages share. Not public: they change in any release.

// Reading and verifying what is not an OAuth token
export type { Context } from '../context.ts'
export { asNames, asText, exposedClaims, readClaim } from '../issuer/claims.ts'
export { asOrganizations } from '../issuer/organizations.ts'
export { dropper } from '../issuer/verified-token.ts'
export { createBudget } from '../keys/budget.ts'
export { FetchError } from '../keys/fetch-error.ts'
export { type FetchOptions, fetchDocument } from '../keys/fetch-json.ts'
export { type KeySet, parseKeySet, type VerificationKey } from '../keys/key-set.ts'
export type { KeyEvent, KeySource, ReportKeyEvent } from '../keys/key-source.ts'
export { refreshingKeys } from '../keys/refreshing-keys.ts'
export { parseJsonObject } from '../token/parse-json.ts'
export { parseToken } from '../token/parse-token.ts'
export { safeUrl } from './safe-url.ts'
