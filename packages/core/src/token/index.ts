// Reading a token strictly, and checking one property of it at a time. Accepting a token takes an
// issuer: nothing here decides on whose behalf a call runs.

export type { Algorithm } from './algorithm.ts'
export { algorithms, isAlgorithm } from './algorithm.ts'
export type { ValidityOptions } from './check-validity.ts'
export { checkValidity } from './check-validity.ts'
export type { JsonObject } from './parse-json.ts'
export type { CompactToken, ParsedToken } from './parse-token.ts'
export { maxTokenLength, parseCompact, parseToken } from './parse-token.ts'
export { verifySignature } from './verify-signature.ts'
