import { IdentityError, memoryStore, type Store } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { guardedStore } from '../../src/stores/guarded-store.ts'

const calls: readonly (readonly [string, (store: Store) => Promise<unknown>])[] = [
  ['add', (store) => store.add('key', 'value', 10)],
  ['set', (store) => store.set('key', 'value', 10)],
  ['get', (store) => store.get('key')],
]

/** A store whose every method does this. */
function storeThat(work: () => Promise<never>): Store {
  return { add: work, set: work, get: work }
}

describe('a store of another party', () => {
  it('answers for itself', async () => {
    const store = guardedStore(memoryStore())
    expect(await store.get('key')).toBeUndefined()
    expect(await store.add('key', 'a', 10)).toBe(true)
    expect(await store.add('key', 'b', 10)).toBe(false)
    await store.set('key', 'c', 10)
    expect(await store.get('key')).toBe('c')
  })

  it.each(calls)('is unavailable when %s rejects', async (_name, call) => {
    const cause = new Error('no connection')
    const error = await call(guardedStore(storeThat(() => Promise.reject(cause)))).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(IdentityError)
    expect(error).toMatchObject({ code: 'DOWN', status: 503, reason: 'store_unavailable', cause })
  })

  it.each(calls)('is unavailable when %s throws', async (_name, call) => {
    const store = storeThat(() => {
      throw new TypeError('not a function')
    })
    await expect(call(guardedStore(store))).rejects.toMatchObject({ reason: 'store_unavailable' })
  })

  it.each(calls)('is unavailable when %s takes more than two seconds', async (_name, call) => {
    const silent = storeThat(() => new Promise(() => undefined))
    await expect(call(guardedStore(silent))).rejects.toMatchObject({ reason: 'store_unavailable' })
  })
})
