import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { type RedisClient, redisStore } from '@onbehalf/redis'
import { createTokenMinter } from '@onbehalf/testing'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { newProxy } from '../../postgres/test/support/proxy.ts'
import { nodeRedis } from './support/clients.ts'
import { hasProgram, type OwnRedis, startRedis } from './support/redis.ts'

const resource = 'https://mcp.example.com/mcp'
const prefix = 'invoices:'
const patient = { timeout: 30_000, interval: 50 }

async function ownRedis(settings: readonly string[] = []): Promise<OwnRedis> {
  const server = await startRedis(settings)
  onTestFinished(() => server.stop())
  return server
}

/** A caller of a server that asks the store about each token. */
async function callerOf(client: RedisClient): Promise<() => Promise<unknown>> {
  const minter = await createTokenMinter()
  const keys = { jwks: minter.jwks }
  const people = issuer({ iss: minter.issuer, audience: resource, kind: 'by-client', keys })
  const revocations = redisStore({ client, prefix })
  const authenticator = createAuthenticator({
    resource,
    sources: [direct({ issuer: people })],
    revocations,
  })
  const token = await minter.mint({ aud: resource, sub: 'ada', client_id: 'desktop', jti: 'token' })
  const request = { headers: { authorization: `Bearer ${token}` } }
  return () => authenticator.authenticate(request)
}

const unavailable = { code: 'DOWN', status: 503, reason: 'store_unavailable' }

describe.skipIf(!hasProgram)('a store in Redis that is', () => {
  test('slow: 503, and calls are served again when it is quick', async () => {
    const server = await ownRedis()
    const call = await callerOf(await nodeRedis(server.url))
    await expect(call()).resolves.toBeDefined()
    server.process.kill('SIGSTOP')
    await expect(call()).rejects.toMatchObject(unavailable)
    server.process.kill('SIGCONT')
    await vi.waitFor(() => expect(call()).resolves.toBeDefined(), patient)
  })

  test('gone: 503', async () => {
    const server = await ownRedis()
    const call = await callerOf(await nodeRedis(server.url))
    await expect(call()).resolves.toBeDefined()
    await server.stop()
    await expect(call()).rejects.toMatchObject(unavailable)
  })

  test('half open, accepting and never answering: 503', async () => {
    const { url } = await ownRedis()
    const proxy = await newProxy({ host: '127.0.0.1', port: Number(new URL(url).port) })
    const call = await callerOf(await nodeRedis(`redis://127.0.0.1:${proxy.connection.port}`))
    await expect(call()).resolves.toBeDefined()
    proxy.mode = 'silence'
    await expect(call()).rejects.toMatchObject(unavailable)
  })

  test('holding something else under its keys: 503', async () => {
    const { url } = await ownRedis()
    const client = await nodeRedis(url)
    const store = redisStore({ client, prefix })
    await client.lPush(`${prefix}key`, 'value')
    await expect(store.get('key')).rejects.toThrow('WRONGTYPE')
    expect(await store.add('key', 'value', 60)).toBe(false)
  })

  test('evicting keys: a proof that was used can be used again', async () => {
    const { url } = await ownRedis(['--maxmemory', '2mb', '--maxmemory-policy', 'allkeys-lru'])
    const client = await nodeRedis(url)
    const store = redisStore({ client, prefix })
    expect(await store.add('proof', '', 600)).toBe(true)
    for (let at = 0; (await client.exists(`${prefix}proof`)) === 1; at++) {
      await client.set(`filler:${at}`, 'x'.repeat(10_000))
    }
    expect(await store.add('proof', '', 600)).toBe(true)
  })

  test('full and evicting nothing: refused, and what is known stays known', async () => {
    const { url } = await ownRedis(['--maxmemory', '2mb', '--maxmemory-policy', 'noeviction'])
    const store = redisStore({ client: await nodeRedis(url), prefix })
    await store.add('proof', '', 600)
    const fill = async (): Promise<void> => {
      for (let at = 0; ; at++) await store.add(`another-${at}`, 'x'.repeat(1000), 600)
    }
    await expect(fill()).rejects.toThrow('OOM')
    expect(await store.get('proof')).toBe('')
  })

  test('failing over without the last writes: a proof of that moment can be used again', async () => {
    const [primary, replica] = [await ownRedis(), await ownRedis()]
    const link = await newProxy({ host: '127.0.0.1', port: Number(new URL(primary.url).port) })
    const [before, after] = [await nodeRedis(primary.url), await nodeRedis(replica.url)]
    await redisStore({ client: before, prefix }).add('early', '', 600)
    await after.sendCommand(['REPLICAOF', '127.0.0.1', String(link.connection.port)])
    const promoted = redisStore({ client: after, prefix })
    await vi.waitFor(async () => expect(await promoted.get('early')).toBe(''), patient)
    await link.stop()
    await redisStore({ client: before, prefix }).add('late', '', 600)
    await primary.stop()
    await after.sendCommand(['REPLICAOF', 'NO', 'ONE'])
    expect(await promoted.add('early', '', 600)).toBe(false)
    expect(await promoted.add('late', '', 600)).toBe(true)
  })

  test('asked by processes whose clocks differ: nothing changes', async () => {
    const { url } = await ownRedis()
    const store = redisStore({ client: await nodeRedis(url), prefix })
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    await store.add('proof', '', 60)
    for (const hours of [-2, 2]) {
      vi.setSystemTime(Date.now() + hours * 3_600_000)
      expect(await store.add('proof', '', 60)).toBe(false)
    }
  })
})
