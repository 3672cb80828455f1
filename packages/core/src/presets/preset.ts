import type { Claims } from '../identity.ts'
import type { IssuerOptions } from '../issuer/issuer.ts'

/** Options that every preset takes as {@link issuer} does. */
export type PresetOptions<C = Claims> = Pick<
  IssuerOptions<C>,
  | 'algorithms'
  | 'schema'
  | 'claimMap'
  | 'clients'
  | 'clockSkewSeconds'
  | 'fetch'
  | 'keyId'
  | 'keys'
  | 'maxAgeSeconds'
  | 'maxLifetimeSeconds'
  | 'maxStaleSeconds'
  | 'monotonic'
  | 'random'
  | 'requiredClaims'
  | 'scopes'
  | 'timeoutSeconds'
  | 'tokenType'
>

/**
 * Checks a text that becomes a part of an issuer's name.
 *
 * @throws TypeError
 */
export function matching(text: string, shape: RegExp, option: string): string {
  if (typeof text !== 'string' || !shape.test(text)) throw new TypeError(`${option} is malformed`)
  return text
}

/** A host name, without scheme, port or path. */
export const hostName: RegExp =
  /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/
