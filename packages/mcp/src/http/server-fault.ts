import {
  createRefusal,
  type IdentityError,
  type Refusal,
  type RefusalContext,
} from '@onbehalf/core'

// Answers to a fault of this server tell nothing of these.
const nothing: RefusalContext = {
  resourceMetadataUrl: '',
  metadata: { resource: '', bearer_methods_supported: ['header'] },
}

/** The HTTP answer to a caller who did nothing wrong: 503. */
export function createFaultAnswer(error: IdentityError): Refusal {
  return createRefusal(error, nothing)
}
