import { createHash } from 'node:crypto'
import { createApiKey } from '@onbehalf/core/api-keys'
import { postgresApiKeys, postgresStore } from '@onbehalf/postgres'
import { storeRules } from '@onbehalf/testing'
import { Client, type Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Database, newDatabase } from './support/database.ts'
import { hasPostgres, newPool } from './support/postgres.ts'
import { newProxy } from './support/proxy.ts'

const prefix = 'invoices:'
let database: Database
let pool: Pool
beforeAll(async () => {
  if (!hasPostgres) return
  database = await newDatabase()
  pool = await database.poolFor('onbehalf_store')
})
afterAll(() => database?.drop())

describe.skipIf(!hasPostgres)('a store in Postgres', () => {
  test.for(storeRules(() => postgresStore({ pool, prefix })))('$name', async (rule) => {
    await expect(rule.check()).resolves.toBeUndefined()
  })

  test('is one for all processes with its prefix', async () => {
    const other = await database.poolFor('onbehalf_store')
    expect(await postgresStore({ pool, prefix }).add('key', 'one', 60)).toBe(true)
    expect(await postgresStore({ pool: other, prefix }).add('key', 'other', 60)).toBe(false)
    expect(await postgresStore({ pool: other, prefix: 'orders:' }).get('key')).toBeUndefined()
  })

  test('has one winner for a key whose time is over, however many add it at once', async () => {
    const store = postgresStore({ pool: database.pool, prefix })
    await store.add('expired', 'first', 0)
    const adding = Array.from({ length: 20 }, (_, at) => store.add('expired', String(at), 60))
    expect((await Promise.all(adding)).filter(Boolean)).toHaveLength(1)
  })

  test('removes what has expired, and nothing else', async () => {
    await database.pool.query(`INSERT INTO onbehalf.store (key, value, expires_at)
      SELECT 'old:' || n, '', now() - interval '1 minute' FROM generate_series(1, 2500) AS n`)
    const store = postgresStore({ pool, prefix })
    await store.set('kept', 'value', 60)
    await vi.waitFor(async () => {
      await store.set('another', 'value', 60)
      const { rows } = await database.pool.query<{ key: string }>(
        "SELECT key FROM onbehalf.store WHERE key LIKE 'old:%'",
      )
      expect(rows).toEqual([])
    }, 30_000)
    expect(await store.get('kept')).toBe('value')
  })

  test('rejects when Postgres does not answer, and works again afterwards', async () => {
    const proxy = await newProxy(await database.login('onbehalf_store'))
    const own = newPool({ ...proxy.connection, max: 1, connectionTimeoutMillis: 2000 })
    onTestFinished(() => own.end())
    const store = postgresStore({ pool: own, prefix })
    await store.set('away', 'value', 60)
    proxy.freeze()
    await expect(store.get('away')).rejects.toThrow('timeout')
    expect(await store.get('away')).toBe('value')
  })
})

describe.skipIf(!hasPostgres)('API keys in Postgres', () => {
  const owner = { kind: 'user', issuer: 'https://people.example.com', subject: 'jane' } as const
  const hashOf = (text: string) => createHash('sha256').update(text).digest('base64url')

  test('are made and ended by one role, and found and noted by another', async () => {
    const keys = postgresApiKeys({ pool: await database.poolFor('onbehalf_keys'), prefix })
    const served = postgresApiKeys({ pool, prefix })
    const rights = { organization: 'acme', scopes: ['notes:read'], roles: ['viewer'] }
    const options = { keys, prefix: 'inv_', lifetimeSeconds: 3600, ...owner }
    const { text, key } = await createApiKey({ ...options, ...rights })
    const { key: bare } = await createApiKey({ ...options, clock: () => key.createdAt - 60 })
    const hash = hashOf(text)
    expect(await served.find(hash)).toEqual(key)
    expect(await served.find(text)).toBeUndefined()
    expect(await postgresApiKeys({ pool, prefix: 'orders:' }).find(hash)).toBeUndefined()
    await served.used?.(key.id, key.createdAt + 60)
    await served.used?.(key.id, key.createdAt)
    const used = { ...key, lastUsedAt: key.createdAt + 60 }
    expect(await served.list(owner)).toEqual([used, bare])
    expect(await served.list({ ...owner, kind: 'service' })).toEqual([])
    await expect(served.revoke(key.id)).rejects.toMatchObject({ code: '42501' })
    await expect(served.add(hashOf('other'), key)).rejects.toMatchObject({ code: '42501' })
    expect(await keys.revoke(key.id, key.createdAt + 90)).toBe(true)
    expect(await keys.revoke(key.id)).toBe(false)
    expect(await served.find(hash)).toEqual({ ...used, revokedAt: key.createdAt + 90 })
    await expect(keys.add(hash, { ...key, id: 'other' })).rejects.toMatchObject({ code: '23505' })
  })
})

describe('options of a store in Postgres', () => {
  const settings = { pool: newPool(), prefix }

  test.each([
    ['no pool', { prefix }],
    ['a client in place of a pool', { pool: new Client(), prefix }],
    ['no prefix', { pool: settings.pool }],
    ['an empty prefix', { ...settings, prefix: '' }],
    ['a prefix that is too long', { ...settings, prefix: 'a'.repeat(101) }],
    ['a name that is misspelt', { ...settings, prefx: 'a' }],
  ])('%s: TypeError', (_name, options) => {
    expect(() => postgresStore(options as never)).toThrow(TypeError)
    expect(() => postgresApiKeys(options as never)).toThrow(TypeError)
  })
})
