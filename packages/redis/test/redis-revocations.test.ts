import { randomUUID } from 'node:crypto'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import {
  type MirrorEvent,
  type MirrorOptions,
  type RevocationMirror,
  redisRevocations,
} from '@onbehalf/redis'
import { createTokenMinter } from '@onbehalf/testing'
import { createClient } from 'redis'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { hasProgram, hasRedis, type OwnRedis, redisUrl, startRedis } from './support/redis.ts'

let prefix = ''
beforeEach(() => {
  prefix = `onbehalf-test-${randomUUID()}:`
})

async function connect(url = redisUrl) {
  const client = createClient({ url, disableOfflineQueue: true })
  client.on('error', () => undefined)
  await client.connect()
  onTestFinished(() => client.destroy())
  return client
}

interface Instance {
  readonly mirror: RevocationMirror
  readonly events: MirrorEvent['type'][]
}

/** What one instance of a server has. */
async function startInstance(
  options: Partial<MirrorOptions> = {},
  url?: string,
): Promise<Instance> {
  const events: MirrorEvent['type'][] = []
  const mirror = redisRevocations({
    client: await connect(url),
    prefix,
    whenStale: 'refuse',
    onEvent: ({ type }) => events.push(type),
    ...options,
  })
  onTestFinished(() => mirror.close())
  return { mirror, events }
}

/** A Redis of this test, which the test may stop. */
async function ownRedis(port?: number): Promise<OwnRedis> {
  const server = await startRedis([], port)
  onTestFinished(() => server.stop())
  return server
}

const patient = { timeout: 15_000, interval: 50 }

describe.skipIf(!hasRedis)('revocations in Redis', () => {
  test('reach every instance', async () => {
    const instances = [await startInstance(), await startInstance(), await startInstance()]
    await Promise.all(instances.map(({ mirror }) => mirror.ready()))
    await instances[0]?.mirror.set('revoked:a', 'always', 600)
    expect(await instances[0]?.mirror.get('revoked:a')).toBe('always')
    for (const { mirror } of instances) {
      await vi.waitFor(async () => expect(await mirror.get('revoked:a')).toBe('always'), patient)
      expect(await mirror.get('revoked:b')).toBeUndefined()
    }
  })

  test('are all known to an instance that starts later, before its first answer', async () => {
    const first = await startInstance()
    for (let at = 0; at < 2500; at += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, more) =>
          first.mirror.set(`revoked:${at + more}`, '1', 600),
        ),
      )
    }
    const later = await startInstance()
    expect(await later.mirror.get('revoked:0')).toBe('1')
    expect(await later.mirror.get('revoked:2499')).toBe('1')
    expect(later.events).toEqual(['mirror_current'])
  })

  test('cover as much as the later of two values, whichever came last', async () => {
    const [one, other] = [await startInstance(), await startInstance()]
    await one.mirror.set('revoked:a', '100', 600)
    await other.mirror.set('revoked:a', '95', 600)
    await one.mirror.set('revoked:b', 'always', 600)
    await other.mirror.set('revoked:b', '95', 600)
    for (const { mirror } of [one, other, await startInstance()]) {
      await mirror.ready()
      await vi.waitFor(async () => {
        expect(await mirror.get('revoked:a')).toBe('100')
        expect(await mirror.get('revoked:b')).toBe('always')
      }, patient)
    }
  })

  test('leave the stream when they count no longer', async () => {
    const { mirror } = await startInstance()
    await mirror.set('revoked:short', '1', 0.01)
    await mirror.set('revoked:long', '1', 600)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await mirror.set('revoked:next', '1', 600)
    const client = await connect()
    const left = await client.xRange(`${prefix}revocations`, '-', '+')
    expect(left?.map(({ message }) => message['key'])).toEqual(['revoked:long', 'revoked:next'])
    // A mirror counts from when it has read an entry.
    const get = async () => expect(await mirror.get('revoked:short')).toBeUndefined()
    await vi.waitFor(get, patient)
  })

  test('cannot be read past something else', async () => {
    const client = await connect()
    await client.xAdd(`${prefix}revocations`, '*', { key: 'revoked:a' })
    const { mirror, events } = await startInstance()
    await expect(mirror.ready()).rejects.toThrow('cannot be read')
    await expect(mirror.get('revoked:b')).rejects.toThrow('cannot be read')
    expect(events).toEqual(['mirror_stale'])
  })

  test('of one authenticator are refused by another', async () => {
    const minter = await createTokenMinter()
    const create = async () =>
      createAuthenticator({
        resource: 'https://mcp.example.com/mcp',
        sources: [
          direct({
            issuer: issuer({
              iss: minter.issuer,
              audience: 'https://mcp.example.com/mcp',
              kind: 'by-client',
              keys: { jwks: minter.jwks },
            }),
          }),
        ],
        revocations: (await startInstance()).mirror,
      })
    const [one, other] = [await create(), await create()]
    await Promise.all([one.ready(), other.ready()])
    const token = await minter.mint({
      aud: 'https://mcp.example.com/mcp',
      sub: 'ada',
      client_id: 'desktop',
    })
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
})

describe.skipIf(!hasProgram)('revocations, when Redis is away', () => {
  test('are decided by memory at first, and then refused', async () => {
    const server = await ownRedis()
    const { mirror, events } = await startInstance({ maxStaleSeconds: 3 }, server.url)
    await mirror.set('revoked:a', 'always', 600)
    await mirror.ready()
    await server.stop()
    expect(await mirror.get('revoked:a')).toBe('always')
    await vi.waitFor(
      () => expect(events).toEqual(['mirror_current', 'mirror_behind', 'mirror_stale']),
      patient,
    )
    expect(() => mirror.get('revoked:a')).toThrow('too long')
    await expect(mirror.set('revoked:b', 'always', 600)).rejects.toThrow('The client is offline')
  })

  test('are served from memory where that was chosen', async () => {
    const server = await ownRedis()
    const { mirror, events } = await startInstance(
      { maxStaleSeconds: 0.5, whenStale: 'serve' },
      server.url,
    )
    await mirror.set('revoked:a', 'always', 600)
    await mirror.ready()
    await server.stop()
    await vi.waitFor(() => expect(events).toContain('mirror_stale'), patient)
    expect(await mirror.get('revoked:a')).toBe('always')
    expect(await mirror.get('revoked:b')).toBeUndefined()
  })

  test('are followed again when it is back, and what it lost is not forgotten', async () => {
    const server = await ownRedis()
    const { mirror, events } = await startInstance({ maxStaleSeconds: 600 }, server.url)
    await mirror.set('revoked:a', 'always', 600)
    await mirror.ready()
    await server.stop()
    await vi.waitFor(() => expect(events).toContain('mirror_behind'), patient)
    await ownRedis(Number(new URL(server.url).port))
    await vi.waitFor(() => expect(events.at(-1)).toBe('mirror_current'), patient)
    const other = await startInstance({}, server.url)
    await other.mirror.set('revoked:b', 'always', 600)
    await vi.waitFor(async () => expect(await mirror.get('revoked:b')).toBe('always'), patient)
    expect(await mirror.get('revoked:a')).toBe('always')
  })

  test('are followed again after it hung', async () => {
    const server = await ownRedis()
    const { mirror, events } = await startInstance({ maxStaleSeconds: 600 }, server.url)
    await mirror.ready()
    server.process.kill('SIGSTOP')
    await vi.waitFor(() => expect(events).toContain('mirror_behind'), patient)
    expect(await mirror.get('revoked:a')).toBeUndefined()
    server.process.kill('SIGCONT')
    await vi.waitFor(() => expect(events.at(-1)).toBe('mirror_current'), patient)
  })
})

test.each([
  ['no word for what happens then', {}],
  ['an unknown one', { whenStale: 'open' }],
  ['no time at all', { whenStale: 'serve', maxStaleSeconds: 0 }],
  ['a name that is misspelt', { whenStale: 'serve', stale: 1 }],
])('%s: TypeError', (_name, options) => {
  const client = { sendCommand: async () => [] }
  expect(() => redisRevocations({ client, prefix: 'a:', ...options } as never)).toThrow(TypeError)
})
