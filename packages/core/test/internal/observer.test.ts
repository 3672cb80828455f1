import { setImmediate } from 'node:timers/promises'
import { toObserver } from '@onbehalf/core/internal'
import { describe, expect, it } from 'vitest'

const failure = new Error('of the callback')

const callbacks = [
  [
    'throws',
    () => {
      throw failure
    },
  ],
  ['rejects', () => Promise.reject(failure)],
  // oxlint-disable-next-line unicorn/no-thenable -- what a library of promises may return
  ['returns a foreign promise that fails', () => ({ then: (_: unknown, no: Fail) => no(failure) })],
] as const

type Fail = (cause: unknown) => void

describe('a callback of the user', () => {
  it.each(callbacks)('that %s is reported to onFailure', async (_, callback) => {
    const failures: unknown[] = []
    toObserver(callback, (cause) => failures.push(cause))()
    await setImmediate()
    expect(failures).toEqual([failure])
  })

  it.each(callbacks)('that %s may have a failing onFailure', async (_, callback) => {
    const fail = (): never => {
      throw new Error('of onFailure')
    }
    expect(toObserver(callback, fail)).not.toThrow()
    await setImmediate()
  })

  it('receives every argument', () => {
    const calls: unknown[] = []
    toObserver((...event: number[]) => calls.push(event))(1, 2)
    expect(calls).toEqual([[1, 2]])
  })

  it('may be missing', () => {
    expect(toObserver<[number]>(undefined)).not.toThrow()
  })
})
