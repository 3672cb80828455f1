import type { Identity } from '../identity.ts'
import { assertOptions, type OptionNames } from '../internal/options.ts'
import { allow, type Call, type Decision, deny, type Guard, unknown } from './guard.ts'

/** A rule of your own about the caller: `true` allows, anything else denies. */
export type CheckFunction = (identity: Identity) => boolean | Promise<boolean>

/** A rule of your own about the caller and the arguments of the call. */
export type CheckArgumentsFunction<A = unknown> = (
  identity: Identity,
  args: A,
) => boolean | Promise<boolean>

export interface CheckOptions {
  /**
   * The function reads the arguments of the call. It is then not called while a list is filtered,
   * and its item stays visible. Default: it decides on the identity alone, in lists too.
   */
  readonly needsArguments?: boolean
}

/**
 * Makes a guard from a function. With `needsArguments` the function is called with the arguments as
 * well, which are not validated the first time.
 *
 * A throw or a rejection denies with `guard_error`.
 *
 * @throws TypeError when the name is empty, `fn` is not a function, or an option is undefined or
 *   unknown
 *
 * @example
 * ```ts
 * const officeHours = check('office-hours', () => new Date().getHours() < 18)
 * const ownInvoice = check<{ owner: string }>(
 *   'own-invoice',
 *   (identity, args) => args.owner === identity.subject,
 *   { needsArguments: true },
 * )
 * ```
 */
export function check(
  name: string,
  fn: CheckFunction,
  options?: CheckOptions & { readonly needsArguments?: false },
): Guard
export function check<A = unknown>(
  name: string,
  fn: CheckArgumentsFunction<A>,
  options: CheckOptions & { readonly needsArguments: true },
): Guard
export function check(
  name: string,
  fn: CheckArgumentsFunction<never>,
  options: CheckOptions = {},
): Guard {
  assertCheck(name, fn, options)
  const { needsArguments = false } = options
  const ask = fn as (identity: Identity, ...args: readonly unknown[]) => unknown
  const toDecision = (passed: unknown): Decision =>
    passed === true ? allow : deny(name, 'check_failed', { check: name })

  function decide(identity: Identity, call?: Call): Decision | Promise<Decision> {
    if (needsArguments && call === undefined) return unknown
    const passed = needsArguments ? ask(identity, call?.arguments) : ask(identity)
    // Not only promises of this realm: a query builder is a thenable as well.
    return typeof passed === 'object'
      ? Promise.resolve(passed).then(toDecision)
      : toDecision(passed)
  }

  return Object.freeze({ name, decide })
}

const optionNames: OptionNames<CheckOptions> = { needsArguments: true }

function assertCheck(name: unknown, fn: unknown, options: CheckOptions): void {
  if (typeof name !== 'string' || name === '') throw new TypeError('name must not be empty')
  if (typeof fn !== 'function') throw new TypeError('fn must be a function')
  assertOptions('check', options, optionNames)
  if ('needsArguments' in options && typeof options.needsArguments !== 'boolean') {
    throw new TypeError('needsArguments must be true or false')
  }
}
