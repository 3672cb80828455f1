import { createRefusal, isIdentityError, type Refusal, type RefusalContext } from '@onbehalf/core'

// A 503 does not mention metadata or scopes.
const nothing: RefusalContext = {
  resourceMetadataUrl: '',
  metadata: { resource: '', bearer_methods_supported: ['header'] },
}

/**
 * The HTTP answer to a caller who did nothing wrong: 503. What is no `IdentityError` nobody foresaw:
 * it is thrown on, for the operator to see.
 */
export function createFaultAnswer(thrown: unknown): Refusal {
  if (!isIdentityError(thrown)) throw thrown
  return createRefusal(thrown, nothing)
}
