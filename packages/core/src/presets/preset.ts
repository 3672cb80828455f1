import type { Claims } from '../identity.ts'
import type { IssuerOptions } from '../issuer/issuer.ts'

/** Options that every preset takes as {@link issuer} does. */
export type PresetOptions<C = Claims> = Pick<
  IssuerOptions<C>,
  | 'acceptMissingIat'
  | 'acceptNonce'
  | 'algorithms'
  | 'authorizationServers'
  | 'schema'
  | 'claimMap'
  | 'clients'
  | 'clockSkewSeconds'
  | 'fetch'
  | 'ignoreKeyHeaders'
  | 'keyId'
  | 'keys'
  | 'maxAgeSeconds'
  | 'maxKeysTried'
  | 'maxLifetimeSeconds'
  | 'maxStaleSeconds'
  | 'maxTokenBytes'
  | 'monotonic'
  | 'random'
  | 'requiredClaims'
  | 'scopes'
  | 'timeoutSeconds'
  | 'tokenType'
  | 'vouchesForEmail'
>

/**
 * Checks a text that becomes a part of an issuer's name, as it is.
 *
 * @param expected what the option must be, with an example
 * @throws TypeError
 */
export function matching(text: string, shape: RegExp, option: string, expected: string): string {
  if (typeof text === 'string' && shape.test(text)) return text
  throw new TypeError(`${option} must be ${expected}`)
}

const hostShape = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/

/** @throws TypeError */
export function hostName(text: string, option: string, example: string): string {
  const expected = `a host name in lower case without scheme, port or path, for example '${example}'`
  return matching(text, hostShape, option, expected)
}
