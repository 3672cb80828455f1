import { Agent, createServer, request } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { text } from 'node:stream/consumers'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { redisLeases } from '@onbehalf/limits'
import { denialKey, drain } from '@onbehalf/mcp'
import { createClient } from 'redis'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { modern } from '../../packages/mcp/test/support/http-host.ts'
import { hasProgram, startRedis } from '../../packages/redis/test/support/redis.ts'
import { hosts } from './support/hosts.ts'
import { type Child, startChild } from './support/start-child.ts'

const patient = { timeout: 50_000, interval: 20 }
const info = { name: 'test', version: '1' }

/** A real client of the generation that the host serves. */
async function connect({ url, headers }: Child, host: string): Promise<ClientV1> {
  const options = { requestInit: { headers } }
  if (host.endsWith('v1')) {
    const client = new ClientV1(info)
    await client.connect(new HttpV1(url, options) as never)
    onTestFinished(() => client.close())
    return client
  }
  const client = new ClientV2(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  await client.connect(new HttpV2(url, options))
  onTestFinished(() => client.close())
  // Both call tools alike.
  return client as unknown as ClientV1
}

const run = (client: ClientV1, name: string) => client.callTool({ name, arguments: {} })
const readiness = async ({ url }: Child) => (await fetch(new URL('/readyz', url))).status

interface Stream {
  /** Resolves when the server has ended it. */
  readonly ended: Promise<string>
}

/** A stream that the server keeps open: of GET in a session of SDK v1, of a listen in SDK v2. */
async function openStream({ url, headers }: Child, host: string): Promise<Stream> {
  const accept = 'application/json, text/event-stream'
  if (host.endsWith('v2')) {
    const listen = modern('subscriptions/listen', { notifications: { toolsListChanged: true } })
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, ...listen.headers, accept, 'content-type': 'application/json' },
      body: JSON.stringify(listen.body),
    })
    if (response.headers.get('content-type') !== 'text/event-stream') {
      throw new Error(`the listen was answered with ${response.status}`)
    }
    return { ended: response.text() }
  }
  const client = new ClientV1(info)
  const transport = new HttpV1(url, {
    requestInit: { headers },
    // Its own stream is not the one that is watched.
    fetch: (input, init) =>
      init?.method === 'GET'
        ? Promise.resolve(new Response(null, { status: 405 }))
        : fetch(input, init),
  })
  await client.connect(transport as never)
  const response = await fetch(url, {
    headers: {
      ...headers,
      accept: 'text/event-stream',
      'mcp-session-id': transport.sessionId ?? '',
    },
  })
  expect(response.status).toBe(200)
  return { ended: response.text() }
}

interface Answer {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** Asks over one connection that is kept, as a load balancer does. */
function keptConnection({ url, headers }: Child): () => Promise<Answer> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  return () =>
    new Promise((resolve, reject) => {
      const sent = request(url, { agent, method: 'POST', headers }, (response) => {
        const { statusCode: status, headers } = response
        text(response).then((body) => resolve({ status, headers, body }), reject)
      })
      sent.on('error', reject)
      sent.end('{}')
    })
}

// One of each generation, for what does not depend on the framework.
const oneOfEach = new Set(['Express with SDK v1', 'node:http with SDK v2'])

describe.each(Object.keys(hosts))('drain of %s', (host) => {
  const isOne = oneOfEach.has(host)

  test.runIf(isOne)('says first that it is not ready, and serves as before', async () => {
    const child = await startChild({ host, drain: { noticeSeconds: 600 } })
    const client = await connect(child, host)
    expect(await readiness(child)).toBe(200)
    child.terminate()
    await vi.waitFor(async () => expect(await readiness(child)).toBe(503), patient)
    expect(await run(client, 'quick')).toMatchObject({ content: [{ text: 'done' }] })
  })

  test('ends streams, refuses new calls and waits for running ones, also after a second signal', async () => {
    const child = await startChild({ host, drain: { noticeSeconds: 0, seconds: 600 } })
    const client = await connect(child, host)
    const ask = keptConnection(child)
    expect((await ask()).headers['connection']).not.toBe('close')
    const stream = await openStream(child, host)
    const slow = run(client, 'slow')
    await child.heard('began')
    child.terminate()
    await stream.ended
    child.terminate()
    const refused = await ask()
    expect(refused).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1', connection: 'close', 'content-type': 'application/json' },
    })
    expect(JSON.parse(refused.body)).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: { code: 31_503, message: 'The request cannot be served right now' },
    })
    await expect(run(client, 'quick')).rejects.toBeInstanceOf(Error)
    child.tell('finish')
    expect(await slow).toMatchObject({ content: [{ text: 'finished' }] })
    expect(await child.heard('drained')).toMatchObject({ ended: 0, failures: [] })
    expect(await child.exited).toBe(0)
    await expect(ask()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(await child.verifyAudit()).toMatchObject({ verdict: 'signed', ok: true })
  })

  test.runIf(isOne)('answers a call that never ends, and aborts its signal', async () => {
    const child = await startChild({ host, drain: { noticeSeconds: 0, seconds: 0.5 } })
    const client = await connect(child, host)
    const endless = run(client, 'endless')
    await child.heard('began')
    child.terminate()
    expect(await endless).toMatchObject({
      isError: true,
      content: [{ text: 'The server is stopping and has ended the call.' }],
      _meta: { [denialKey]: { reason: 'server_stopping', guard: 'drain' } },
    })
    await child.heard('aborted')
    expect(await child.heard('drained')).toMatchObject({ ended: 1, failures: [] })
    expect(await child.exited).toBe(0)
    expect(await child.verifyAudit()).toMatchObject({ verdict: 'signed', ok: true })
  })
})

describe.skipIf(!hasProgram)('drain, with a store', () => {
  test('gives back the places of running calls and closes its client', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const host = 'node:http with SDK v2'
    const settings = { noticeSeconds: 0, seconds: 600 }
    const child = await startChild({ host, drain: settings, redis: redis.url })
    const client = await connect(child, host)
    const own = await createClient({ url: redis.url }).connect()
    onTestFinished(() => own.destroy())
    const slow = run(client, 'slow')
    await child.heard('began')
    const [key] = await own.keys('drain:lease:*')
    expect(await own.zCard(String(key))).toBe(1)
    child.terminate()
    child.tell('finish')
    await slow
    expect(await child.heard('drained')).toMatchObject({ ended: 0, failures: [] })
    expect(await child.exited).toBe(0)
    expect(await own.keys('drain:lease:*')).toEqual([])
    const others = (await own.clientList()).filter(({ id }) => id !== undefined)
    expect(others).toHaveLength(1)
  })

  test('is not needed for places: those of a process that is killed are free after 15 seconds', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const host = 'node:http with SDK v2'
    const child = await startChild({ host, drain: {}, redis: redis.url })
    const client = await connect(child, host)
    const own = await createClient({ url: redis.url }).connect()
    onTestFinished(() => own.destroy())
    const slow = run(client, 'slow')
    await child.heard('began')
    child.kill()
    await expect(slow).rejects.toBeInstanceOf(Error)
    await child.exited
    const [key = ''] = await own.keys('drain:lease:*')
    expect(await own.pTTL(key)).toBeLessThanOrEqual(15_000)
    const store = redisLeases({ client: own, prefix: 'drain:' })
    const again = () => store.take(key.slice('drain:lease:'.length), 'next', 1, 15)
    expect(await again()).toBe(0)
    await vi.waitFor(async () => expect(await again()).toBe(1), patient)
  })

  test('ends in time while the store does not answer, and closes the audit trail', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const host = 'Express with SDK v1'
    const settings = { noticeSeconds: 0, seconds: 0.5, closeSeconds: 0.5 }
    const child = await startChild({ host, drain: settings, redis: redis.url })
    const client = await connect(child, host)
    const slow = run(client, 'slow')
    await child.heard('began')
    redis.process.kill('SIGSTOP')
    child.terminate()
    expect(await slow).toMatchObject({ _meta: { [denialKey]: { reason: 'server_stopping' } } })
    const { ended, failures } = await child.heard('drained')
    expect([ended, failures]).toEqual([1, ['Error: It did not close in time']])
    expect(await child.exited).toBe(0)
    expect(await child.verifyAudit()).toMatchObject({ verdict: 'signed', ok: true })
  })
})

describe('options of drain', () => {
  const server = createServer()

  test.each([
    ['no server', undefined, {}],
    ['a server of HTTP/2', createHttp2Server(), {}],
    ['a text in place of a time', server, { seconds: '5' }],
    ['a time below 0', server, { noticeSeconds: -1 }],
    ['something that cannot be closed', server, { close: [{}] }],
    ['a name that is misspelt', server, { second: 5 }],
  ])('%s: TypeError', (_name, given, options) => {
    expect(() => drain(given as never, options as never)).toThrow(TypeError)
  })
})
