import { deepEqual, equal } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Store } from '@onbehalf/core'

/** One thing that every store must do. */
export interface StoreRule {
  readonly name: string
  /** Rejects with an `AssertionError` when the store does not do it. */
  readonly check: () => Promise<void>
}

type Check = (store: Store, key: string) => Promise<void>

/**
 * What Onbehalf relies on in a store, as tests for any runner: a store that passes them
 * may keep used proofs, revocations and owners.
 *
 * Each rule makes its own store and uses keys that no other rule has. The longest waits for an
 * entry of one second to expire.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 *
 * for (const { name, check } of storeRules(() => memoryStore())) test(name, check)
 * ```
 */
export function storeRules(createStore: () => Store | Promise<Store>): readonly StoreRule[] {
  return Object.entries(checks).map(([name, check]) => ({
    name,
    check: async () => check(await createStore(), `rule:${crypto.randomUUID()}`),
  }))
}

const checks: Readonly<Record<string, Check>> = {
  'knows nothing of a key that was never kept': async (store, key) => {
    equal(await store.get(key), undefined)
  },

  'keeps a value under a free key, and says so': async (store, key) => {
    equal(await store.add(key, 'first', 60), true)
    equal(await store.get(key), 'first')
  },

  'leaves a taken key as it is, and says so': async (store, key) => {
    await store.add(key, 'first', 60)
    equal(await store.add(key, 'second', 60), false)
    equal(await store.get(key), 'first')
  },

  'lets one of many win that add a key at once': async (store, key) => {
    const adding = Array.from({ length: 50 }, (_, index) => store.add(key, String(index), 60))
    const winners = (await Promise.all(adding)).flatMap((won, index) => (won ? [index] : []))
    equal(winners.length, 1)
    equal(await store.get(key), String(winners[0]))
  },

  'puts a value in place of an earlier one': async (store, key) => {
    await store.add(key, 'first', 60)
    await store.set(key, 'second', 60)
    equal(await store.get(key), 'second')
  },

  'counts a key that was set as taken': async (store, key) => {
    await store.set(key, 'first', 60)
    equal(await store.add(key, 'second', 60), false)
  },

  'keeps an empty value': async (store, key) => {
    equal(await store.add(key, '', 60), true)
    equal(await store.add(key, '', 60), false)
    equal(await store.get(key), '')
  },

  'distinguishes keys that differ in one character or in case': async (store, key) => {
    const keys = [
      `${key}:a`,
      `${key}:A`,
      `${key}:a `,
      `${key}:ab`,
      `${key}%a`,
      `${key}:{a}`,
      `${key}*`,
    ]
    for (const each of keys) equal(await store.add(each, each, 60), true)
    deepEqual(await Promise.all(keys.map((each) => store.get(each))), keys)
  },

  'keeps keys and values of a thousand characters': async (store, key) => {
    const long = key + 'k'.repeat(1000)
    const value = Array.from({ length: 1000 }, (_, at) => String.fromCharCode(33 + (at % 94))).join(
      '',
    )
    await store.set(long, value, 60)
    equal(await store.get(long), value)
    equal(await store.get(long.slice(0, -1)), undefined)
  },

  'takes a time with a fraction of a second': async (store, key) => {
    equal(await store.add(key, 'kept', 600.25), true)
    equal(await store.get(key), 'kept')
  },

  'forgets a value when its time is over': async (store, key) => {
    await store.add(key, 'first', 1)
    await expired(store, key)
    equal(await store.add(key, 'second', 60), true)
    equal(await store.get(key), 'second')
  },

  'keeps a value for the time that it was set with last': async (store, key) => {
    await store.set(key, 'first', 600)
    await store.set(key, 'second', 1)
    await expired(store, key)
    await store.set(key, 'third', 1)
    await store.set(key, 'fourth', 600)
    await pause(1500)
    equal(await store.get(key), 'fourth')
  },
}

async function expired(store: Store, key: string): Promise<void> {
  const since = performance.now()
  while ((await store.get(key)) !== undefined) {
    if (performance.now() - since > 15_000)
      throw new Error(`${key} is kept for longer than a second`)
    await pause(50)
  }
}
