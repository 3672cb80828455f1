import { randomUUID } from 'node:crypto'
import type { Store } from '@onbehalf/core'
import { type RedisClient, redisStore } from '@onbehalf/redis'
import { storeRules } from '@onbehalf/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { ioRedis, ioRedisCluster, nodeRedis, nodeRedisCluster } from './support/clients.ts'
import { hasProgram, hasRedis, startCluster } from './support/redis.ts'

const prefix = `onbehalf-test-${randomUUID()}:`

const cluster = hasProgram ? await startCluster() : undefined
const clusterUrl = String(cluster?.url)
afterAll(() => cluster?.stop())

const clients: readonly [string, boolean, () => RedisClient | Promise<RedisClient>][] = [
  ['redis', hasRedis, () => nodeRedis()],
  ['ioredis', hasRedis, () => ioRedis()],
  ['redis, cluster', hasProgram, () => nodeRedisCluster(clusterUrl)],
  ['ioredis, cluster', hasProgram, () => ioRedisCluster(clusterUrl)],
]

describe.each(clients)('a store in Redis (%s)', (_name, canRun, connect) => {
  const createStore = async () => redisStore({ client: await connect(), prefix })
  test.skipIf(!canRun).for(storeRules(createStore))('$name', async (rule) => {
    await expect(rule.check()).resolves.toBeUndefined()
  })
})

describe.skipIf(!hasRedis)('a store in Redis', () => {
  test('is one for all processes and clients with its prefix', async () => {
    const [one, other] = [await nodeRedis(), ioRedis()]
    const key = randomUUID()
    expect(await redisStore({ client: one, prefix }).add(key, 'one', 60)).toBe(true)
    expect(await redisStore({ client: other, prefix }).add(key, 'other', 60)).toBe(false)
    expect(await redisStore({ client: other, prefix: `${prefix}x:` }).get(key)).toBeUndefined()
  })

  test('leaves nothing behind for longer than it was asked to', async () => {
    const client = await nodeRedis()
    const key = randomUUID()
    const store = redisStore({ client, prefix })
    await store.add(key, '', 60.0004)
    expect(await client.pTTL(prefix + key)).toBeLessThanOrEqual(60_001)
    await store.set(key, '', 30)
    expect(await client.pTTL(prefix + key)).toBeLessThanOrEqual(30_000)
  })
})

describe('options of a store in Redis', () => {
  const client = { sendCommand: async () => 'OK' }

  test.each([
    ['no client', { prefix }],
    ['no prefix', { client }],
    ['an empty prefix', { client, prefix: '' }],
    ['something other than a client', { client: {}, prefix }],
    ['a name that is misspelt', { client, prefix, prefx: 'a' }],
  ])('%s: TypeError', (_name, options) => {
    expect(() => redisStore(options as never)).toThrow(TypeError)
  })
})

describe('an answer that Redis cannot give', () => {
  const answering = (answer: unknown): Store =>
    redisStore({ client: { sendCommand: async () => answer }, prefix })

  test.each([[undefined], [1], ['QUEUED'], [[]]])('to SET: %j', async (answer) => {
    await expect(answering(answer).add('key', '', 60)).rejects.toThrow('Redis answered SET')
    await expect(answering(answer).set('key', '', 60)).rejects.toThrow('Redis answered SET')
  })

  test.each([[undefined], [1], [Buffer.from('a')], [[]]])('to GET: %j', async (answer) => {
    await expect(answering(answer).get('key')).rejects.toThrow('Redis answered GET')
  })

  test('to SET without NX: nothing kept', async () => {
    await expect(answering(null).set('key', '', 60)).rejects.toThrow('Redis answered SET')
  })
})
