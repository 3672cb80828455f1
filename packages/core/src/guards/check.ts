import type { Identity } from '../identity.ts'
import { allow, type Call, type Decision, deny, type Guard, unknown } from './guard.ts'

/** A rule of your own: `true` allows, anything else denies. */
export type CheckFunction<A = unknown> = (identity: Identity, args: A) => boolean | Promise<boolean>

/**
 * Makes a guard from a function. A function with two parameters depends on the arguments: it is
 * not asked while a list is filtered, and its item stays visible.
 *
 * A throw or a rejection denies with `guard_error`.
 *
 * @throws TypeError when the name is empty
 */
export function check<A = unknown>(name: string, fn: CheckFunction<A>): Guard {
  if (name === '') throw new TypeError('name must not be empty')
  const needsArguments = fn.length > 1
  const toDecision = (passed: boolean): Decision =>
    passed === true ? allow : deny(name, 'check_failed', { check: name })

  function decide(identity: Identity, call?: Call): Decision | Promise<Decision> {
    if (needsArguments && call === undefined) return unknown
    const passed = fn(identity, call?.arguments as A)
    // Not only promises of this realm: a query builder is a thenable as well.
    return typeof passed === 'object'
      ? Promise.resolve(passed).then(toDecision)
      : toDecision(passed)
  }

  return Object.freeze({ name, decide })
}
