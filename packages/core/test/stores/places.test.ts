import { Places } from '@onbehalf/core/internal'
import { beforeEach, describe, expect, test } from 'vitest'

let time = 0
beforeEach(() => {
  time = 0
})

describe('places', () => {
  const places = () => new Places(100, () => time)

  function fill(all: Places, owner: string | readonly string[], seconds?: number): number {
    for (let count = 0; ; count++) {
      const place = all.take(...[owner].flat())
      if (place === undefined) return count
      if (seconds !== undefined) all.keep(place, seconds)
    }
  }

  test('are left to others by a caller who takes all that there are', () => {
    const all = places()
    expect(fill(all, 'eve')).toBe(50)
    expect(fill(all, 'ada')).toBe(25)
    expect(fill(all, 'bob')).toBeGreaterThan(10)
    for (let other = 0; other < 5; other++) expect(all.take(`other ${other}`)).toBeDefined()
  })

  test('are left to other clients of a subject by a client who takes all that there are', () => {
    const all = places()
    expect(fill(all, ['eve', 'eve by one'])).toBe(34)
    expect(fill(all, ['eve', 'eve by other'])).toBeGreaterThan(10)
    expect(fill(all, ['ada', 'ada by one'])).toBeGreaterThan(10)
  })

  test('are all to be had by those who are not counted', () => {
    expect(fill(places(), [])).toBe(100)
  })

  test('are free again when they are given back, once each', () => {
    const all = places()
    const place = all.take('eve')!
    fill(all, 'eve')
    all.free(place)
    all.free(place)
    expect(all.size).toBe(49)
    expect(fill(all, 'eve')).toBe(1)
  })

  test('are free again when their time is over', () => {
    const all = places()
    expect(fill(all, 'eve', 10)).toBe(50)
    time = 9
    expect(fill(all, 'eve', 10)).toBe(0)
    time = 11
    expect(fill(all, 'eve', 10)).toBe(50)
  })

  test('are not kept for those who have gone', () => {
    const all = new Places(100_000, () => time)
    for (let count = 0; count < 5_000; count++) {
      time += 1
      const place = all.take(`caller ${count}`)!
      all.keep(place, 2)
    }
    expect(all.size).toBeLessThan(2_100)
  })
})
