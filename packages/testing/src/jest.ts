import type { DenialReason } from '@onbehalf/core/guards'
import { type MatcherResult, toBeAllowed, toBeDenied, toSeeTools } from './matchers.ts'
import { toHaveRecorded } from './recorded.ts'

/** A matcher as `expect.extend` of Jest takes it. */
// oxlint-disable-next-line typescript/no-explicit-any -- Jest's own type
type JestMatcher = (received: unknown, ...expected: any[]) => MatcherResult

/**
 * The matchers of `@onbehalf/testing/vitest` for Jest: `expect.extend(jestMatchers)`.
 *
 * Jest loads ES modules with `NODE_OPTIONS=--experimental-vm-modules`.
 */
export const jestMatchers: Readonly<Record<keyof OnbehalfMatchers<void>, JestMatcher>> = {
  toBeAllowed,
  toBeDenied,
  toHaveRecorded,
  toSeeTools,
}

/**
 * The matchers for the types of a test: `declare module '@jest/expect'` with an interface
 * `Matchers<R extends void | Promise<void>, T = unknown>` that extends it.
 */
export interface OnbehalfMatchers<R> {
  toBeDenied(reason?: DenialReason): R
  toBeAllowed(): R
  toSeeTools(names: readonly string[]): R
  toHaveRecorded(members: object): R
}
