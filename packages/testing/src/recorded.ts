import { isDeepStrictEqual } from 'node:util'
import type { MatcherResult } from './matchers.ts'

/**
 * Passes when one of the events has these members. Objects may have further members at every depth.
 *
 * @throws TypeError when the value is not a list of events
 */
export function toHaveRecorded(received: unknown, expected: object): MatcherResult {
  if (!Array.isArray(received)) throw new TypeError('expected a list of audit events')
  const pass = received.some((event) => has(event, expected))
  const shown = JSON.stringify(pass ? expected : received, undefined, 2)
  return {
    pass,
    message: () =>
      pass
        ? `expected none of the events to have ${shown}`
        : `expected one of the events to have ${JSON.stringify(expected)}:\n${shown}`,
  }
}

function has(actual: unknown, expected: unknown): boolean {
  if (!isObject(expected) || Array.isArray(expected)) return isDeepStrictEqual(actual, expected)
  return (
    isObject(actual) &&
    Object.entries(expected).every(([name, value]) => has(Reflect.get(actual, name), value))
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
