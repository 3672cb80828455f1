import type { CryptoKey } from 'jose'

import type { Algorithm } from './algorithm.ts'

/** A public key that passed every check, bound to the algorithms it may serve. */
export interface VerificationKey {
  readonly keyId: string | undefined
  readonly algorithms: readonly Algorithm[]
  /** The `issuer` member that some multi-tenant key sets carry. */
  readonly issuer: string | undefined
  forAlgorithm(algorithm: Algorithm): Promise<CryptoKey>
}
