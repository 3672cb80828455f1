import { randomUUID } from 'node:crypto'
import type { Identity } from '@onbehalf/core'
import type { Guard, Taken } from '@onbehalf/core/guards'
import { type LimitStore, limit, postgresLimits, redisLimits } from '@onbehalf/limits'
import { Redis } from 'ioredis'
import { RateLimiterRes } from 'rate-limiter-flexible'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { makeIdentity } from '../../mcp/test/support/callers.ts'
import { type Database, newDatabase } from '../../postgres/test/support/database.ts'
import { hasPostgres, newPool } from '../../postgres/test/support/postgres.ts'
import { newProxy } from '../../postgres/test/support/proxy.ts'
import { hasRedis, redisUrl } from '../../redis/test/support/redis.ts'

const ada = makeIdentity()
const prefix = `onbehalf-test-${randomUUID()}:`

let database: Database
beforeAll(async () => {
  if (hasPostgres) database = await newDatabase()
})
afterAll(() => database?.drop())

const stores: readonly [string, boolean, () => Promise<LimitStore>][] = [
  [
    'redis',
    hasRedis,
    async () => {
      const client = await createClient({ url: redisUrl }).connect()
      onTestFinished(() => client.destroy())
      return redisLimits({ client, prefix })
    },
  ],
  [
    'ioredis',
    hasRedis,
    async () => {
      const client = new Redis(redisUrl)
      onTestFinished(() => client.disconnect())
      return redisLimits({ client, prefix })
    },
  ],
  [
    'Postgres',
    hasPostgres,
    async () => postgresLimits({ pool: await database.poolFor('onbehalf_store'), prefix }),
  ],
]

function take(guard: Guard, identity: Identity = ada): Promise<Taken> {
  const [counted] = guard.limits ?? []
  return Promise.resolve(counted?.take(identity, { arguments: {} }) as Taken)
}

const effects = (taken: readonly Taken[]) => taken.map(({ effect }) => effect).sort()

describe.each(stores)('limits in %s', (_name, canRun, connect) => {
  const makeLimit = async (name: string, points: number, seconds = 600) => {
    const store = await connect()
    return limit({ name, per: 'user', points, seconds, store, whenStoreFails: 'closed' })
  }

  test.skipIf(!canRun)('are one for all processes, and exact', async () => {
    const name = randomUUID()
    const [one, other] = [await makeLimit(name, 5), await makeLimit(name, 5)]
    const taken = await Promise.all([one, other, one, other, one, other, one].map((it) => take(it)))
    expect(effects(taken)).toEqual(['allow', 'allow', 'allow', 'allow', 'allow', 'deny', 'deny'])
    const refused = taken.find(({ effect }) => effect === 'deny') as { until: number }
    expect(refused).toMatchObject({ reason: 'rate_limited', guard: name })
    expect(refused.until - Date.now() / 1000).toBeGreaterThan(590)
    expect(refused.until - Date.now() / 1000).toBeLessThanOrEqual(601)
    expect((await take(one, makeIdentity({ subject: 'bob' }))).effect).toBe('allow')
    expect((await take(one, makeIdentity({ issuer: 'https://b.example' }))).effect).toBe('allow')
  })

  test.skipIf(!canRun)('are whole again when the seconds are over', async () => {
    const guard = await makeLimit(randomUUID(), 1, 1)
    await take(guard)
    expect((await take(guard)).effect).toBe('deny')
    await vi.waitFor(async () => expect((await take(guard)).effect).toBe('allow'), {
      timeout: 15_000,
      interval: 100,
    })
  })

  test.skipIf(!canRun)('get back what another limit refused', async () => {
    const guard = await makeLimit(randomUUID(), 2)
    const first = await take(guard)
    expect(first).toMatchObject({ budget: { points: 2, remaining: 1 } })
    if (first.effect === 'allow') first.undo?.()
    await vi.waitFor(async () => {
      const next = await take(guard)
      if (next.effect === 'allow') next.undo?.()
      expect(next).toMatchObject({ budget: { remaining: 1 } })
    }, 30_000)
  })
})

test.each([
  [60_000, 1],
  [0, 0],
])('gives a call back %s ms before the seconds are over: %s times', async (milliseconds, times) => {
  const given: string[] = []
  const counted = new RateLimiterRes(0, milliseconds, 1, true)
  const guard = limit({
    name: randomUUID(),
    per: 'user',
    points: 2,
    seconds: 60,
    whenStoreFails: 'closed',
    store: () => ({
      consume: async () => counted,
      reward: async (key) => {
        given.push(String(key))
        return counted
      },
    }),
  })
  const taken = await take(guard)
  if (taken.effect === 'allow') taken.undo?.()
  expect(given).toHaveLength(times)
})

test.skipIf(!hasPostgres)('a Postgres that does not answer fails within 2 seconds', async () => {
  const proxy = await newProxy(await database.login('onbehalf_store'))
  const pool = newPool({ ...proxy.connection, max: 1, query_timeout: 3000 })
  onTestFinished(() => pool.end())
  const store = postgresLimits({ pool, prefix })
  const settings = { name: randomUUID(), per: 'user', points: 9, seconds: 600, store } as const
  const [open, closed] = [
    limit({ ...settings, whenStoreFails: 'open' }),
    limit({ ...settings, whenStoreFails: 'closed' }),
  ]
  await take(open)
  proxy.freeze()
  const [served, refused] = await Promise.all([take(open), take(closed)])
  expect(served).toMatchObject({ effect: 'allow', failure: { message: 'The store is too slow' } })
  expect(refused).toMatchObject({ effect: 'deny', reason: 'limit_unavailable' })
})

test.each([
  ['no client', () => redisLimits({ prefix } as never)],
  ['something other than a client', () => redisLimits({ client: {}, prefix })],
  ['no prefix', () => redisLimits({ client: { call: () => undefined } } as never)],
  ['no pool', () => postgresLimits({ prefix } as never)],
  ['a prefix that is too long', () => postgresLimits({ pool: newPool(), prefix: 'a'.repeat(101) })],
])('%s: TypeError', (_name, make) => {
  expect(make).toThrow(TypeError)
})
