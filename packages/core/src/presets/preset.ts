import type { Claims } from '../identity.ts'
import { assertDefined, assertOptions } from '../internal/options.ts'
import type { IssuerOptions } from '../issuer/issuer.ts'

/** Options that every preset takes as {@link issuer} does. */
export type PresetOptions<C = Claims> = Partial<Pick<IssuerOptions<C>, 'kind'>> &
  Pick<
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
    | 'insecureHttpHosts'
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

const sharedNames: Readonly<Record<keyof PresetOptions | 'audience', true>> = {
  acceptMissingIat: true,
  algorithms: true,
  audience: true,
  authorizationServers: true,
  acceptNonce: true,
  ignoreKeyHeaders: true,
  insecureHttpHosts: true,
  maxKeysTried: true,
  maxTokenBytes: true,
  claimMap: true,
  clients: true,
  clockSkewSeconds: true,
  fetch: true,
  keyId: true,
  kind: true,
  keys: true,
  maxAgeSeconds: true,
  maxLifetimeSeconds: true,
  maxStaleSeconds: true,
  monotonic: true,
  random: true,
  requiredClaims: true,
  schema: true,
  scopes: true,
  timeoutSeconds: true,
  tokenType: true,
  vouchesForEmail: true,
}

/**
 * Refuses options that a preset does not have. What it passes on, {@link issuer} checks.
 *
 * @param own the preset's own options, and whether they may be left out
 * @throws TypeError naming the option
 */
export function assertPresetOptions(
  of: string,
  options: object,
  own: Readonly<Record<string, 'required' | 'optional'>>,
): void {
  const names = Object.entries(own)
  const known: Readonly<Record<string, true>> = {
    ...sharedNames,
    ...Object.fromEntries(names.map(([name]) => [name, true] as const)),
  }
  const defined = Object.entries(options).filter(
    ([name, value]) => value !== undefined || !Object.hasOwn(known, name),
  )
  assertOptions(of, Object.fromEntries(defined), known)
  const ownOptional = names.flatMap(([name, need]) => (need === 'optional' ? [name] : []))
  // A preset has its own defaults for these.
  assertDefined(options, [
    'keys',
    'kind',
    'tokenType',
    'claimMap',
    'requiredClaims',
    ...ownOptional,
  ])
}

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
