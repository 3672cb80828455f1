import type { DenialReason } from '@onbehalf/core/guards'
import type { ExpectStatic } from 'vitest'
import { toBeAllowed, toBeDenied, toSeeTools } from './matchers.ts'
import { toHaveRecorded } from './recorded.ts'

/**
 * Matchers for the answers to calls, for the decisions of guards, for lists of tools and for what was
 * recorded.
 *
 * - `toBeDenied(reason?)`: the call was refused, for this reason if one is named.
 * - `toBeAllowed()`: the call was neither refused nor did it fail otherwise.
 *
 * - `toSeeTools(names)`: a list has exactly these tools, in any order.
 * - `toHaveRecorded(members)`: one of the audit events has these members.
 *
 * Anything that is not such a value fails, also under `not`.
 *
 * @example
 * ```ts
 * import { decide, organization } from '@onbehalf/core/guards'
 * import { matchers } from '@onbehalf/testing/vitest'
 * import { expect } from 'vitest'
 *
 * expect.extend(matchers)
 * const decision = await decide(organization(), undefined, { now: Date.now() / 1000 })
 * expect(decision).toBeDenied('identity_missing')
 * ```
 */
export const matchers: Parameters<ExpectStatic['extend']>[0] = {
  toBeAllowed,
  toBeDenied,
  toHaveRecorded,
  toSeeTools,
}

declare module 'vitest' {
  // The type parameter is vitest's own and has to be repeated as it is.
  // oxlint-disable-next-line typescript/no-explicit-any
  interface Matchers<T = any> {
    /** The call was refused, or the decision denies: for this reason, if one is named. */
    toBeDenied(reason?: DenialReason): T
    /** The call was neither refused nor did it fail otherwise, or the decision allows. */
    toBeAllowed(): T
    /** The list has exactly these tools, in any order. */
    toSeeTools(names: readonly string[]): T
    /** One of the audit events has these members, and perhaps others. */
    toHaveRecorded(members: object): T
  }
}
