import { describe, expect, test } from 'vitest'
import { Carrier } from '../../src/ambient/channels.ts'

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a carrier', () => {
  test('finds a value by its key alone, and by no other', async () => {
    const carrier = new Carrier<string>()
    const key = {}
    await carrier.carry(key, 'value', later)
    expect([carrier.find(key), carrier.find({}), carrier.find(undefined)]).toEqual([
      'value',
      undefined,
      undefined,
    ])
  })

  test.each([
    ['no key', undefined],
    ['a key that is not an object', 'key'],
  ])('finds a value below the work that it was carried into, with %s', async (_what, key) => {
    const carrier = new Carrier<string>()
    const found = await carrier.carry(key, 'value', async () => {
      await later()
      return carrier.find(key)
    })
    expect([found, carrier.find(key)]).toEqual(['value', undefined])
  })

  test('distinguishes two values that come with one key', async () => {
    const carrier = new Carrier<string>()
    const key = {}
    const found = await Promise.all(
      ['first', 'second', 'third'].map((value) =>
        carrier.carry(key, value, async () => {
          await later()
          return carrier.find(key)
        }),
      ),
    )
    expect(found).toEqual(['first', 'second', 'third'])
  })

  test('does not find what outer work carries instead of its own value', async () => {
    const carrier = new Carrier<string>()
    const key = {}
    const found = carrier.carry(undefined, 'outer', () =>
      carrier.carry(key, 'inner', () => carrier.find(key)),
    )
    const left = carrier.carry(undefined, 'outer', () => carrier.leave(() => carrier.find({})))
    expect([found, left]).toEqual(['inner', undefined])
  })
})
