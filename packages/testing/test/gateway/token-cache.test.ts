import { expect, it } from 'vitest'
import { createTokenCache } from '../../src/gateway/token-cache.ts'

it('keeps at most a thousand tokens, and lets the oldest go', async () => {
  const requested: string[] = []
  const cache = createTokenCache(() => 0)
  const get = (key: string): Promise<string> =>
    cache.get(key, async () => {
      requested.push(key)
      return { accessToken: key, expiresInSeconds: 300 }
    })
  const keys = Array.from({ length: 1_000 }, (_, n) => `${n}`)
  for (const key of [...keys, ...keys]) expect(await get(key)).toBe(key)
  expect(requested).toEqual(keys)
  for (const key of ['new', '1', '0']) await get(key)
  expect(requested.slice(1_000)).toEqual(['new', '0'])
})
