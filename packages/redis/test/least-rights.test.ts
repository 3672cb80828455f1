import { readFile } from 'node:fs/promises'
import { redisRevocations, redisStore } from '@onbehalf/redis'
import { createClient } from 'redis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ioRedis, nodeRedis } from './support/clients.ts'
import { hasProgram, startRedis } from './support/redis.ts'

/** The user that the documentation tells to make, on a Redis of this test. */
async function documentedUser(): Promise<string> {
  const page = await readFile(new URL('../../../docs/shared-state.md', import.meta.url), 'utf8')
  const [, rights = ''] = /^user onbehalf (on >secret ~invoices:\* .*)$/m.exec(page) ?? []
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const admin = await createClient({ url: server.url }).connect()
  await admin.sendCommand(['ACL', 'SETUSER', 'onbehalf', ...rights.split(' ')])
  admin.destroy()
  return server.url.replace('redis://', 'redis://onbehalf:secret@')
}

describe.skipIf(!hasProgram)('a user of Redis with the least rights', () => {
  test.each([
    ['redis', nodeRedis],
    ['ioredis', ioRedis],
  ])('can do what is needed, with %s', async (_name, connect) => {
    const client = await connect(await documentedUser())
    const store = redisStore({ client, prefix: 'invoices:' })
    expect(await store.add('key', 'value', 60)).toBe(true)
    await store.set('key', 'other', 60)
    expect(await store.get('key')).toBe('other')
    const revocations = redisRevocations({ client, prefix: 'invoices:', whenStale: 'refuse' })
    onTestFinished(() => revocations.close())
    await revocations.set('revoked:short', '1', 0.001)
    await revocations.set('revoked:long', '1', 600)
    await revocations.ready()
    expect(await revocations.get('revoked:long')).toBe('1')
  })

  test('can do nothing else, and nothing with other keys', async () => {
    const client = await nodeRedis(await documentedUser())
    const others = [
      ['DEL', 'invoices:key'],
      ['FLUSHALL'],
      ['KEYS', '*'],
      ['XDEL', 'invoices:revocations', '1-1'],
    ]
    for (const words of others) await expect(client.sendCommand(words)).rejects.toThrow('NOPERM')
    await expect(client.get('orders:key')).rejects.toThrow('NOPERM')
  })
})
