import { memoryStore } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { processorTime } from '../support/processor-time.ts'

function start(maxEntries = 3) {
  let time = 0
  const store = memoryStore({ maxEntries, monotonic: () => time })
  return {
    store,
    pass: (seconds: number) => {
      time += seconds
    },
  }
}

describe('a store in memory', () => {
  it('keeps a value until its time is over', async () => {
    const { store, pass } = start()
    await store.set('key', 'value', 10)
    pass(9)
    expect(await store.get('key')).toBe('value')
    pass(1)
    expect(await store.get('key')).toBeUndefined()
  })

  it('knows nothing of other keys, whatever their name', async () => {
    const { store } = start()
    await store.set('key', 'value', 10)
    for (const name of ['', 'Key', '__proto__', 'constructor', 'toString']) {
      expect(await store.get(name)).toBeUndefined()
    }
  })

  it('adds a key once', async () => {
    const { store, pass } = start()
    expect(await store.add('key', 'first', 10)).toBe(true)
    expect(await store.add('key', 'second', 10)).toBe(false)
    expect(await store.get('key')).toBe('first')
    pass(10)
    expect(await store.add('key', 'second', 10)).toBe(true)
    expect(await store.get('key')).toBe('second')
  })

  it('adds a key once, also with an empty value', async () => {
    const { store } = start()
    expect(await store.add('key', '', 10)).toBe(true)
    expect(await store.add('key', '', 10)).toBe(false)
  })

  it('does not let a second attempt prolong the first', async () => {
    const { store, pass } = start()
    await store.add('key', '', 10)
    pass(5)
    await store.add('key', '', 10)
    pass(5)
    expect(await store.get('key')).toBeUndefined()
  })

  it('sets a value in place of another, with its own time', async () => {
    const { store, pass } = start()
    await store.set('key', 'first', 10)
    pass(5)
    await store.set('key', 'second', 10)
    pass(9)
    expect(await store.get('key')).toBe('second')
  })

  it('rejects when it is full of live entries, and forgets none of them', async () => {
    const { store } = start(3)
    for (const key of ['a', 'b', 'c']) await store.add(key, key, 10)
    await expect(store.add('d', 'd', 10)).rejects.toThrow('The store is full')
    await expect(store.set('d', 'd', 10)).rejects.toThrow('The store is full')
    expect(await Promise.all(['a', 'b', 'c', 'd'].map((key) => store.get(key)))).toEqual([
      'a',
      'b',
      'c',
      undefined,
    ])
  })

  it('still answers for a key that it has when it is full', async () => {
    const { store } = start(1)
    await store.add('a', '1', 10)
    expect(await store.add('a', '2', 10)).toBe(false)
    await store.set('a', '3', 10)
    expect(await store.get('a')).toBe('3')
  })

  it('makes room by what is over', async () => {
    const { store, pass } = start(3)
    await store.set('long', '', 100)
    await store.set('short', '', 10)
    await store.set('longer', '', 200)
    pass(10)
    await store.set('new', 'x', 5)
    expect(await store.get('new')).toBe('x')
    await expect(store.set('another', '', 5)).rejects.toThrow('The store is full')
    pass(5)
    await store.set('another', 'y', 1)
    expect(await store.get('another')).toBe('y')
    expect(await store.get('long')).toBe('')
  })

  it('makes room by what was set to end earlier', async () => {
    const { store, pass } = start(2)
    await store.set('a', '', 100)
    await store.set('b', '', 100)
    await expect(store.set('c', '', 1)).rejects.toThrow('The store is full')
    await store.set('a', '', 5)
    pass(5)
    await store.set('c', 'kept', 1)
    expect(await store.get('c')).toBe('kept')
  })

  it('is not walked again by every request while it is full', async () => {
    const maxEntries = 100_000
    const { store } = start(maxEntries)
    for (let n = 0; n < maxEntries; n++) await store.add(`key-${n}`, '', 1_000)
    const spent = processorTime()
    for (let n = 0; n < 1_000; n++) await store.add('new', '', 1_000).catch(() => undefined)
    // A walk takes a millisecond or more.
    expect(spent()).toBeLessThan(500)
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'cannot be made for %s entries',
    (maxEntries) => {
      expect(() => memoryStore({ maxEntries })).toThrow(
        new TypeError('maxEntries must be a positive integer'),
      )
    },
  )

  it.each([
    [{ maxEntrys: 5 }, '"maxEntrys" is not an option of memoryStore; did you mean "maxEntries"?'],
    [{ ttlSeconds: 5 }, '"ttlSeconds" is not an option of memoryStore'],
    [{ maxEntries: undefined }, 'maxEntries must not be undefined'],
    [{ monotonic: undefined }, 'monotonic must not be undefined'],
    [{ monotonic: 5 }, 'monotonic must be a function'],
    [5, 'memoryStore: the options must be an object'],
  ])('refuses the options %j', (options, message) => {
    expect(() => memoryStore(options as object)).toThrow(new TypeError(message))
  })
})
