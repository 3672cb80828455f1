import { afterEach, beforeEach, expect } from 'vitest'

/**
 * A rejection that nobody handles ends a Node process. Called at the top of a test file, this fails
 * the test that caused one.
 */
export function failOnUnhandled(): void {
  const unhandled: unknown[] = []
  const remember = (reason: unknown): void => void unhandled.push(reason)

  beforeEach(() => {
    unhandled.length = 0
    process.on('unhandledRejection', remember)
  })

  afterEach(async () => {
    await new Promise(setImmediate)
    process.off('unhandledRejection', remember)
    expect(unhandled).toEqual([])
  })
}
