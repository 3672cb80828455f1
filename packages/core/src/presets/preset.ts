import type { Claims } from '../identity.ts'
import { assertDefined, assertOptions, type OneOrMore } from '../internal/options.ts'
import { asText } from '../internal/values.ts'
import type { RequiredClaims } from '../issuer/claim-options.ts'
import {
  type IssuerOptions,
  issuer,
  issuerOptionNames,
  type SigningIssuer,
} from '../issuer/issuer.ts'
import type { KindRule } from '../issuer/kind.ts'

/** Options that every preset takes as {@link issuer} does. */
export type PresetOptions<C = Claims> = Omit<IssuerOptions<C>, 'iss' | 'audience' | 'kind'> & {
  /** Exact `iss` values, in place of those that follow from the preset's own options. */
  readonly iss?: OneOrMore<string>
  /** In place of the preset's own rule. */
  readonly kind?: KindRule
}

const sharedNames = Object.keys(issuerOptionNames)
const withDefaults = [
  'iss',
  'keys',
  'kind',
  'algorithms',
  'tokenType',
  'claimMap',
  'requiredClaims',
  'acceptIdTokens',
  'acceptNonce',
  'ignoreKeyHeaders',
] as const

/**
 * Refuses options that a preset does not have. What it passes on, {@link issuer} checks.
 *
 * @param own the preset's own options, and whether they may be left out; `never` takes a shared one away
 * @throws TypeError naming the option
 */
export function assertPresetOptions(
  of: string,
  options: object,
  own: Readonly<Record<string, 'required' | 'optional' | 'never'>>,
): void {
  const names = Object.entries(own)
  const known = Object.fromEntries(
    [...sharedNames, ...names.map(([name]) => name)]
      .filter((name) => own[name] !== 'never')
      .map((name) => [name, true] as const),
  )
  const defined = Object.entries(options).filter(
    ([name, value]) => value !== undefined || !Object.hasOwn(known, name),
  )
  assertOptions(of, Object.fromEntries(defined), known)
  const ownOptional = names.flatMap(([name, need]) => (need === 'optional' ? [name] : []))
  // A preset has its own defaults for these.
  assertDefined(options, [...withDefaults, ...ownOptional])
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

type Exceptions = 'acceptIdTokens' | 'acceptNonce' | 'ignoreKeyHeaders' | 'algorithms'

/** What the tokens of a product look like, and where its keys are. */
export interface Shape extends Pick<IssuerOptions, Exceptions | 'iss' | 'claimMap'> {
  readonly jwksUri: string
  readonly kind: KindRule
  /** What no option can take away. */
  readonly requiredClaims?: RequiredClaims
}

/**
 * An issuer of tokens of a shape. An option takes precedence over the shape, member by member in
 * `claimMap`; options of the preset's own are left out.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function ofShape<C>(
  options: PresetOptions<C> & Pick<IssuerOptions<C>, 'audience'>,
  { jwksUri, requiredClaims, claimMap, ...shape }: Shape,
): SigningIssuer<C> {
  const shared = Object.entries(options).filter(([name]) => sharedNames.includes(name))
  return issuer<C>({
    keys: { jwksUri },
    tokenType: 'compatible',
    ...shape,
    ...(Object.fromEntries(shared) as typeof options),
    requiredClaims: { ...options.requiredClaims, ...requiredClaims },
    claimMap: { ...claimMap, ...options.claimMap },
  })
}

/** Reads the kind of a subject from how it begins, where the product writes that. */
export function byPrefix(
  kinds: Readonly<Record<string, 'user' | 'service'>>,
): (claims: Claims) => unknown {
  const prefixes = Object.entries(kinds)
  return (claims) => {
    const subject = asText(claims['sub']) ?? ''
    return prefixes.find(([prefix]) => subject.startsWith(prefix))?.[1]
  }
}
