import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import {
  type MirrorEvent,
  type PostgresRevocationsOptions,
  postgresRevocations,
  type RevocationMirror,
} from '@onbehalf/postgres'
import { createTokenMinter } from '@onbehalf/testing'
import type { Pool } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Database, newDatabase } from './support/database.ts'
import { hasPostgres, newPool } from './support/postgres.ts'
import { newProxy, type Proxy } from './support/proxy.ts'

let database: Database
beforeAll(async () => {
  if (hasPostgres) database = await newDatabase()
})
afterAll(() => database?.drop())

let count = 0
let prefix = ''
beforeEach(() => {
  prefix = `test-${count++}:`
})

interface Instance {
  readonly pool: Pool
  readonly mirror: RevocationMirror
  readonly events: MirrorEvent['type'][]
}

/** What one instance of a server has. */
async function startInstance(options: Partial<PostgresRevocationsOptions> = {}): Promise<Instance> {
  const events: MirrorEvent['type'][] = []
  const pool = options.pool ?? newPool({ ...(await database.login('onbehalf_store')), max: 3 })
  const mirror = postgresRevocations({
    prefix,
    whenStale: 'refuse',
    onEvent: ({ type }) => events.push(type),
    ...options,
    pool,
  })
  onTestFinished(async () => {
    mirror.close()
    await pool.end()
  })
  return { pool, mirror, events }
}

/** An instance with a proxy in front of Postgres, which the test may stop. */
async function behindProxy(
  options: Partial<PostgresRevocationsOptions> = {},
): Promise<Instance & { readonly proxy: Proxy }> {
  const proxy = await newProxy(await database.login('onbehalf_store'))
  const pool = newPool({ ...proxy.connection, max: 3, connectionTimeoutMillis: 2000 })
  return { proxy, ...(await startInstance({ ...options, pool })) }
}

const patient = { timeout: 15_000, interval: 50 }

describe.skipIf(!hasPostgres)('revocations in Postgres', () => {
  test('reach every instance, and none with another prefix', async () => {
    const instances = [await startInstance(), await startInstance(), await startInstance()]
    const stranger = await startInstance({ prefix: 'another:' })
    await Promise.all([...instances, stranger].map(({ mirror }) => mirror.ready()))
    await instances[0]?.mirror.set('revoked:a', 'always', 600)
    expect(instances[0]?.mirror.get('revoked:a')).toBe('always')
    for (const { mirror } of instances) {
      await vi.waitFor(() => expect(mirror.get('revoked:a')).toBe('always'), patient)
      expect(mirror.get('revoked:b')).toBeUndefined()
    }
    expect(stranger.mirror.get('revoked:a')).toBeUndefined()
  })

  test('are found without a notification as well', async () => {
    const { mirror } = await startInstance()
    await mirror.ready()
    await database.pool.query(
      `INSERT INTO onbehalf.revocations (prefix, key, value, expires_at)
       VALUES ($1, 'revoked:a', 'always', now() + interval '1 hour')`,
      [prefix],
    )
    await vi.waitFor(() => expect(mirror.get('revoked:a')).toBe('always'), patient)
  })

  test('are all known to an instance that starts later, before its first answer', async () => {
    await database.pool.query(
      `INSERT INTO onbehalf.revocations (prefix, key, value, expires_at)
       SELECT $1, 'revoked:' || n, '1', now() + interval '1 hour' FROM generate_series(1, 2500) AS n`,
      [prefix],
    )
    const later = await startInstance()
    expect(await later.mirror.get('revoked:1')).toBe('1')
    expect(later.mirror.get('revoked:2500')).toBe('1')
    expect(later.events).toEqual(['mirror_current'])
  })

  test('are seen in the order of their places, in whatever order they commit', async () => {
    const { mirror } = await startInstance()
    await mirror.ready()
    const slow = await database.pool.connect()
    await slow.query('BEGIN')
    await slow.query("SELECT onbehalf.revoke($1, 'revoked:slow', '1', 600)", [prefix])
    const quick = mirror.set('revoked:quick', '1', 600)
    await slow.query('COMMIT')
    slow.release()
    await quick
    await vi.waitFor(() => expect(mirror.get('revoked:slow')).toBe('1'), patient)
    const { rows } = await database.pool.query(
      'SELECT key FROM onbehalf.revocations WHERE prefix = $1 ORDER BY place',
      [prefix],
    )
    expect(rows).toEqual([{ key: 'revoked:slow' }, { key: 'revoked:quick' }])
  })

  test('leave the table when they count no longer', async () => {
    const { mirror } = await startInstance()
    await mirror.set('revoked:short', '1', 0.01)
    await mirror.set('revoked:long', '1', 600)
    await vi.waitFor(async () => {
      await mirror.set('revoked:next', '1', 600)
      const { rows } = await database.pool.query<{ key: string }>(
        'SELECT DISTINCT key FROM onbehalf.revocations WHERE prefix = $1 ORDER BY key',
        [prefix],
      )
      expect(rows.map(({ key }) => key)).toEqual(['revoked:long', 'revoked:next'])
    }, patient)
    // A mirror counts from when it has read an entry.
    const get = async () => expect(await mirror.get('revoked:short')).toBeUndefined()
    await vi.waitFor(get, patient)
  })

  test('of one authenticator are refused by another', async () => {
    const minter = await createTokenMinter()
    const resource = 'https://mcp.example.com/mcp'
    const people = issuer({
      iss: minter.issuer,
      audience: resource,
      kind: 'by-client',
      keys: { jwks: minter.jwks },
    })
    const create = async () => {
      const { mirror } = await startInstance()
      const sources = [direct({ issuer: people })]
      return createAuthenticator({ resource, sources, revocations: mirror })
    }
    const [one, other] = [await create(), await create()]
    await Promise.all([one.ready(), other.ready()])
    const token = await minter.mint({ aud: resource, sub: 'ada', client_id: 'desktop' })
    const request = { headers: { authorization: `Bearer ${token}` } }
    const identity = await one.authenticate(request)
    await other.authenticate(request)
    await one.revoke(identity)
    await expect(one.authenticate(request)).rejects.toMatchObject({ reason: 'revoked' })
    await vi.waitFor(
      () => expect(other.authenticate(request)).rejects.toMatchObject({ reason: 'revoked' }),
      patient,
    )
  })

  test('cannot be taken back, changed or forged for a time by a server', async () => {
    const { pool, mirror } = await startInstance()
    await mirror.set('revoked:a', 'always', 600)
    const statements = [
      'DELETE FROM onbehalf.revocations',
      "UPDATE onbehalf.revocations SET value = '0'",
      'TRUNCATE onbehalf.revocations',
      "INSERT INTO onbehalf.revocations (prefix, key, value, expires_at) VALUES ('', '', '', now())",
      'SELECT FROM onbehalf.events',
    ]
    for (const statement of statements) {
      await expect(pool.query(statement)).rejects.toMatchObject({ code: '42501' })
    }
  })
})

describe.skipIf(!hasPostgres)('revocations, when Postgres is away', () => {
  test('are decided by memory at first, and then refused', async () => {
    const { proxy, mirror, events } = await behindProxy({ maxStaleSeconds: 3 })
    await mirror.set('revoked:a', 'always', 600)
    await mirror.ready()
    await proxy.stop()
    expect(mirror.get('revoked:a')).toBe('always')
    await vi.waitFor(
      () => expect(events).toEqual(['mirror_current', 'mirror_behind', 'mirror_stale']),
      patient,
    )
    expect(() => mirror.get('revoked:a')).toThrow('too long')
    await expect(mirror.set('revoked:b', 'always', 600)).rejects.toThrow('ECONNREFUSED')
  })

  test('are served from memory where that was chosen', async () => {
    const { proxy, mirror, events } = await behindProxy({
      maxStaleSeconds: 0.5,
      whenStale: 'serve',
    })
    await mirror.set('revoked:a', 'always', 600)
    await mirror.ready()
    await proxy.stop()
    await vi.waitFor(() => expect(events).toContain('mirror_stale'), patient)
    expect(mirror.get('revoked:a')).toBe('always')
    expect(mirror.get('revoked:b')).toBeUndefined()
  })

  test('are read from the beginning when it is back, also where places were given again', async () => {
    const other = await startInstance()
    for (const key of ['x', 'y', 'z']) await other.mirror.set(key, 'always', 600)
    const { proxy, mirror, events } = await behindProxy({ maxStaleSeconds: 600 })
    await mirror.set('revoked:a', 'always', 600)
    await mirror.ready()
    await proxy.stop()
    await vi.waitFor(() => expect(events).toContain('mirror_behind'), patient)
    // What a failover does that loses the last writes.
    await database.pool.query('TRUNCATE onbehalf.revocations RESTART IDENTITY')
    await other.mirror.set('revoked:b', 'always', 600)
    await proxy.start()
    await vi.waitFor(() => expect(mirror.get('revoked:b')).toBe('always'), patient)
    expect(mirror.get('revoked:a')).toBe('always')
    expect(events.at(-1)).toBe('mirror_current')
  })

  test('are followed again on another connection when one hangs', async () => {
    const { proxy, mirror, events } = await behindProxy({ maxStaleSeconds: 600 })
    await mirror.ready()
    proxy.freeze()
    await vi.waitFor(() => expect(events).toContain('mirror_behind'), patient)
    await vi.waitFor(() => expect(events.at(-1)).toBe('mirror_current'), patient)
    await mirror.set('revoked:a', 'always', 600)
    expect(mirror.get('revoked:a')).toBe('always')
  })
})

test.each([
  ['no word for what happens then', {}],
  ['an unknown one', { whenStale: 'open' }],
  ['no time at all', { whenStale: 'serve', maxStaleSeconds: 0 }],
  ['a pool of one connection', { whenStale: 'serve', pool: newPool({ max: 1 }) }],
  ['no pool', { whenStale: 'serve', pool: undefined }],
  ['a name that is misspelt', { whenStale: 'serve', stale: 1 }],
])('%s: TypeError', (_name, options) => {
  const settings = { pool: newPool(), prefix: 'a:', ...options }
  expect(() => postgresRevocations(settings as never)).toThrow(TypeError)
})
