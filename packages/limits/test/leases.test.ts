import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Identity } from '@onbehalf/core'
import type { Guard, Taken } from '@onbehalf/core/guards'
import {
  type LeaseStore,
  limit,
  limitConcurrency,
  postgresLeases,
  redisLeases,
  redisLimits,
} from '@onbehalf/limits'
import type { RedisClient } from '@onbehalf/redis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { makeIdentity } from '../../mcp/test/support/callers.ts'
import { type Database, newDatabase } from '../../postgres/test/support/database.ts'
import { hasPostgres, newPool } from '../../postgres/test/support/postgres.ts'
import {
  ioRedis,
  ioRedisCluster,
  nodeRedis,
  nodeRedisCluster,
} from '../../redis/test/support/clients.ts'
import { hasProgram, hasRedis, startCluster, startRedis } from '../../redis/test/support/redis.ts'

const ada = makeIdentity()
const prefix = `onbehalf-test-${randomUUID()}:`
const patient = { timeout: 30_000, interval: 50 }

const cluster = hasProgram ? await startCluster() : undefined
const clusterUrl = String(cluster?.url)
let database: Database
beforeAll(async () => {
  if (hasPostgres) database = await newDatabase()
})
afterAll(async () => {
  await database?.drop()
  await cluster?.stop()
})

type Connect = () => LeaseStore | Promise<LeaseStore>
const inRedis = (client: RedisClient) => redisLeases({ client, prefix })

const stores: readonly [string, boolean, Connect][] = [
  ['redis', hasRedis, async () => inRedis(await nodeRedis())],
  ['ioredis', hasRedis, () => inRedis(ioRedis())],
  ['redis, cluster', hasProgram, async () => inRedis(await nodeRedisCluster(clusterUrl))],
  ['ioredis, cluster', hasProgram, () => inRedis(ioRedisCluster(clusterUrl))],
  [
    'Postgres',
    hasPostgres,
    async () => postgresLeases({ pool: await database.poolFor('onbehalf_store'), prefix }),
  ],
]

function take(guard: Guard, identity: Identity = ada): Promise<Taken> {
  const [counted] = guard.limits ?? []
  return Promise.resolve(counted?.take(identity, { arguments: {} }) as Taken)
}

describe.each(stores)('places of calls in %s', (_name, canRun, connect) => {
  const makeLimit = async (name: string, calls: number) =>
    limitConcurrency({
      name,
      per: 'user',
      calls,
      store: await connect(),
      whenStoreFails: 'closed',
    })

  test.skipIf(!canRun)('are one number for all processes, and exact', async () => {
    const name = randomUUID()
    const [one, other] = [await makeLimit(name, 5), await makeLimit(name, 5)]
    const taken = await Promise.all([one, other, one, other, one, other, one].map((it) => take(it)))
    const granted = taken.filter(({ effect }) => effect === 'allow')
    expect(granted).toHaveLength(5)
    const left = granted.map((one) => (one.effect === 'allow' ? one.budget?.remaining : undefined))
    expect(new Set(left)).toEqual(new Set([0, 1, 2, 3, 4]))
    expect(taken.find(({ effect }) => effect === 'deny')).toMatchObject({
      reason: 'concurrency_limited',
      guard: name,
    })
    expect((await take(one, makeIdentity({ subject: 'bob' }))).effect).toBe('allow')
  })

  test.skipIf(!canRun)('are free when a call has ended', async () => {
    const guard = await makeLimit(randomUUID(), 1)
    const first = await take(guard)
    expect((await take(guard)).effect).toBe('deny')
    if (first.effect === 'allow') first.end?.()
    await vi.waitFor(async () => expect((await take(guard)).effect).toBe('allow'), patient)
  })

  test.skipIf(!canRun)('are free when nobody has renewed them in time', async () => {
    const store = await connect()
    const key = randomUUID()
    expect(await store.take(key, 'killed', 1, 1)).toBe(1)
    expect(await store.take(key, 'next', 1, 600)).toBe(0)
    await vi.waitFor(async () => expect(await store.take(key, 'next', 1, 600)).toBe(1), patient)
  })

  test.skipIf(!canRun)('are kept for as long as they are renewed', async () => {
    const store = await connect()
    const key = randomUUID()
    await store.take(key, 'long', 1, 1)
    await store.renew(key, 'long', 600)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    expect(await store.take(key, 'next', 1, 600)).toBe(0)
    await store.release(key, 'long')
    expect(await store.take(key, 'next', 1, 600)).toBe(1)
  })

  test.skipIf(!canRun)(
    'are renewed while a call runs, also where the store lost them',
    async () => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
      onTestFinished(() => void vi.useRealTimers())
      const kept = new Map<string, string>()
      const store = await connect()
      const watched: LeaseStore = {
        ...store,
        take: (key, id, ...more) => {
          kept.set(key, id)
          return store.take(key, id, ...more)
        },
      }
      const guard = limitConcurrency({
        name: randomUUID(),
        per: 'user',
        calls: 1,
        store: watched,
        whenStoreFails: 'closed',
      })
      const first = await take(guard)
      const [[key, id] = ['', '']] = kept
      await store.release(key, id)
      vi.advanceTimersByTime(5000)
      await vi.waitFor(async () => {
        expect(await store.take(key, 'other', 1, 600)).toBe(0)
      }, patient)
      if (first.effect === 'allow') first.end?.()
      vi.advanceTimersByTime(60_000)
      await vi.waitFor(async () => expect(await store.take(key, 'other', 1, 600)).toBe(1), patient)
    },
  )
})

describe('a store of places that fails', () => {
  const broken: readonly [string, () => Promise<number>][] = [
    ['refuses', () => Promise.reject(new Error('ECONNREFUSED'))],
    ['answers something else', () => Promise.resolve('QUEUED' as never)],
    ['does not answer', () => new Promise(() => undefined)],
  ]

  test.each(broken)('%s', async (_name, answer) => {
    const none = async () => undefined
    const store = { take: answer, renew: none, release: none }
    const make = (whenStoreFails: 'open' | 'closed') =>
      take(limitConcurrency({ name: 'a', per: 'user', calls: 1, store, whenStoreFails }))
    const [open, closed] = await Promise.all([make('open'), make('closed')])
    expect(open).toEqual({ effect: 'allow', failure: expect.any(Error) })
    expect(closed).toMatchObject({ reason: 'limit_unavailable', cause: expect.any(Error) })
  })
})

test.skipIf(!hasProgram)('the documented rights of Redis do for limits and places', async () => {
  const page = await readFile(new URL('../../../docs/limits.md', import.meta.url), 'utf8')
  const [, rights = ''] = /^user onbehalf (on >secret ~invoices:\* .*)$/m.exec(page) ?? []
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const admin = await createClient({ url: server.url }).connect()
  await admin.sendCommand(['ACL', 'SETUSER', 'onbehalf', ...rights.split(' ')])
  admin.destroy()
  const url = server.url.replace('redis://', 'redis://onbehalf:secret@')
  for (const client of [await nodeRedis(url), ioRedis(url)]) {
    const settings = { per: 'user', whenStoreFails: 'closed' } as const
    const common = { client, prefix: `invoices:${randomUUID()}:` }
    const counted = { name: 'a', points: 1, seconds: 60, store: redisLimits(common) }
    const guard = limit({ ...settings, ...counted })
    const first = await take(guard)
    expect(first).toMatchObject({ effect: 'allow', budget: { remaining: 0 } })
    if (first.effect === 'allow') first.undo?.()
    // Of one connection, so that commands arrive in their order.
    expect(await take(guard)).toMatchObject({ effect: 'allow', budget: { remaining: 0 } })
    expect(await take(guard)).toMatchObject({ reason: 'rate_limited' })
    const places = redisLeases(common)
    expect(await places.take('key', 'id', 1, 60)).toBe(1)
    await places.renew('key', 'id', 60)
    await places.release('key', 'id')
    expect(await places.take('key', 'id', 1, 60)).toBe(1)
  }
})

describe('options', () => {
  const store = postgresLeases({ pool: newPool(), prefix })
  const good = { name: 'a', per: 'user', calls: 1 } as const
  test.each([
    ['no word for what happens without the store', () => limitConcurrency({ ...good, store })],
    ['a store that is none', () => limitConcurrency({ ...good, store: {} } as never)],
    ['no client', () => redisLeases({ prefix } as never)],
    ['no prefix', () => redisLeases({ client: { call: () => undefined } } as never)],
    ['no pool', () => postgresLeases({ prefix } as never)],
  ])('%s: TypeError', (_name, make) => {
    expect(make).toThrow(TypeError)
  })
})
