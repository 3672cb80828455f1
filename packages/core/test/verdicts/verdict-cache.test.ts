import { describe, expect, it } from 'vitest'
import { VerdictCache } from '../../src/verdicts/verdict-cache.ts'

interface Value {
  readonly name: string
}

const bytes = 100

function createCache(entries: number, mostBytes = Number.MAX_SAFE_INTEGER): VerdictCache<Value> {
  return new VerdictCache<Value>({ entries, bytes: mostBytes })
}

function fill(cache: VerdictCache<Value>, names: Iterable<string>): void {
  for (const name of names) cache.set(name, { name }, bytes)
}

function* flood(count: number): Iterable<string> {
  for (let at = 0; at < count; at++) yield `once-${at}`
}

describe('a verdict cache', () => {
  it('finds what it keeps, and what was kept in its place', () => {
    const cache = createCache(10)
    fill(cache, ['a'])
    const other = { name: 'other' }
    cache.set('a', other, bytes)
    expect(cache.get('a')).toBe(other)
    expect(cache.get('b')).toBeUndefined()
    expect(cache.size).toBe(1)
    expect(cache.bytes).toBe(bytes)
  })

  it('never holds more entries than it may', () => {
    const cache = createCache(50)
    for (const name of flood(10_000)) {
      fill(cache, [name])
      if (name.endsWith('7')) cache.get(name)
      expect(cache.size).toBeLessThanOrEqual(50)
    }
  })

  it('never holds more bytes than it may', () => {
    const cache = createCache(1_000, 20 * bytes)
    for (const name of flood(1_000)) {
      fill(cache, [name])
      expect(cache.bytes).toBeLessThanOrEqual(20 * bytes)
    }
    expect(cache.size).toBe(20)
  })

  it('does not keep what would take up the place of many others', () => {
    const cache = createCache(1_000, 100 * bytes)
    cache.set('large', { name: 'large' }, 11 * bytes)
    expect(cache.get('large')).toBeUndefined()
    expect(cache.bytes).toBe(0)
  })

  it('stays within its bounds when the same keys are dropped and kept again', () => {
    const cache = createCache(10)
    for (let round = 0; round < 1_000; round++) {
      fill(cache, ['a', 'b'])
      cache.delete('a')
    }
    fill(cache, flood(8))
    expect(cache.size).toBeLessThanOrEqual(10)
    expect(cache.bytes).toBe(cache.size * bytes)
  })

  it('keeps regulars through a flood of keys that come once', () => {
    const cache = createCache(1_000)
    const regulars = Array.from({ length: 500 }, (_, at) => `regular-${at}`)
    fill(cache, regulars)
    for (const name of regulars) cache.get(name)
    let found = 0
    let asked = 0
    let turn = 0
    for (const name of flood(50_000)) {
      fill(cache, [name])
      if (turn++ % 10 !== 0) continue
      asked += 1
      if (cache.get(regulars[turn % regulars.length] as string) !== undefined) found += 1
    }
    expect(found / asked).toBeGreaterThan(0.99)
  })

  it('takes in a regular that arrives in the middle of a flood', () => {
    const cache = createCache(100)
    fill(cache, flood(1_000))
    for (let at = 0; at < 500; at++) {
      if (cache.get('late') === undefined) fill(cache, ['late'])
      fill(cache, [`more-${at}`])
    }
    expect(cache.get('late')).toBeDefined()
  })
})
