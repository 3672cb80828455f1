import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import type { IdentityParts } from '@onbehalf/core'
import { protectedHandler, protectedStdio, requireScope } from '@onbehalf/mcp'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { callers, makeIdentity } from './support/callers.ts'
import { host, modern, post } from './support/http-host.ts'
import { reply } from './support/make-server.ts'
import type { Message } from './support/raw.ts'
import { createTokenAuthenticator, mintToken, start } from './support/tokens.ts'

const subscriptionKey = 'io.modelcontextprotocol/subscriptionId'
const all = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }

function createServer(): McpServer {
  const capabilities = { resources: { subscribe: true, listChanged: true } }
  const server = new McpServer({ name: 'test', version: '1' }, { capabilities })
  const pay = requireScope('pay', async (_args: object) => reply('paid'))
  server.registerTool('pay', {}, pay as never)
  server.registerResource('note', 'note://acme', {}, async () => ({ contents: [] }))
  return server
}

/** Lists that a message of a stream says have changed. */
const changed = ({ method }: Message) =>
  /^notifications\/(.+)\/list_changed$/.exec(method ?? '')?.[1]

const acme = { id: 'acme', roles: ['member'] }
const base = { organization: acme, scopes: ['read'], client: 'chat' }

async function serveOverHttp() {
  const entry = protectedHandler(createMcpHandler, createServer, { authenticator: null })
  const handle = toNodeHandler(entry)
  const open = await host((req, res, body) => handle(req as never, res as never, body))
  onTestFinished(() => open.close())
  let made = 0
  const as = (parts: Partial<IdentityParts>): string => {
    const name = `caller-${made++}`
    callers.set(name, makeIdentity({ ...base, ...parts }))
    return name
  }
  /** Sends a request of this caller, and waits for its answer. */
  const speak = (parts: Partial<IdentityParts>) => {
    const { body, headers } = modern('tools/list')
    return post(open.url, body, { ...headers, 'x-caller': as(parts) })
  }
  /** Opens a stream, and collects what comes. */
  const listen = async (notifications: object, id: string | number = 7) => {
    const { body, headers } = modern('subscriptions/listen', { notifications }, id)
    const abort = new AbortController()
    const answer = await fetch(open.url, {
      method: 'POST',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        ...headers,
        'x-caller': as({}),
      },
      body: JSON.stringify(body),
      signal: abort.signal,
    })
    const received: Message[] = []
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
    const collect = async (): Promise<void> => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        const events = next.value.split('\n').filter((line) => line.startsWith('data: '))
        received.push(...events.map((line) => JSON.parse(line.slice(6)) as Message))
      }
    }
    void collect().catch(() => undefined)
    onTestFinished(() => abort.abort())
    await vi.waitUntil(() => received.length > 0, 30_000)
    return { received, leave: () => abort.abort() }
  }
  return { entry, speak, listen }
}

describe('a listen stream over HTTP', () => {
  test.each<[string, Partial<IdentityParts>]>([
    ['another scope', { scopes: ['read', 'pay'] }],
    ['another scope in place of the one before', { scopes: ['pay'] }],
    ['a role', { roles: ['operator'] }],
    ['a role in the organization', { organization: { ...acme, roles: ['member', 'controller'] } }],
    ['one more organization', { organizations: [acme, { id: 'globex', roles: [] }] }],
  ])('announces what it reports once its caller comes back with %s', async (_what, parts) => {
    const { speak, listen } = await serveOverHttp()
    const { received } = await listen(all)
    await speak({ ...parts, expiresAt: Date.now() / 1000 + 600 })
    await vi.waitUntil(() => received.length > 2, 30_000)
    // The server has no prompts.
    expect(received.slice(1).map(changed)).toEqual(['tools', 'resources'])
    const stamp = { params: { _meta: { [subscriptionKey]: 7 } } }
    expect(received.slice(1)).toEqual([
      expect.objectContaining({ jsonrpc: '2.0', ...stamp }),
      expect.objectContaining({ jsonrpc: '2.0', ...stamp }),
    ])
  })

  test.each<[string, Partial<IdentityParts>]>([
    ['its caller comes back with the same grants', {}],
    ['its caller comes back with fewer', { scopes: [] }],
    ['the same user comes through another client', { scopes: ['pay'], client: 'cursor' }],
    [
      'the same user comes for another organization',
      { scopes: ['pay'], organization: { id: 'globex', roles: [] } },
    ],
    ['another user comes', { scopes: ['pay'], subject: 'bob' }],
    ['an equal subject of another issuer comes', { scopes: ['pay'], issuer: 'https://other' }],
  ])('announces nothing when %s', async (_what, parts) => {
    const { entry, speak, listen } = await serveOverHttp()
    const { received } = await listen(all)
    await speak(parts)
    // What comes next is what the server itself has to say.
    entry.notify.toolsChanged()
    await vi.waitUntil(() => received.length > 1, 30_000)
    expect(received.slice(1).map(changed)).toEqual(['tools'])
  })

  test('announces nothing that its client did not ask for', async () => {
    const { entry, speak, listen } = await serveOverHttp()
    const { received } = await listen({
      resourceSubscriptions: ['note://acme'],
      toolsListChanged: false,
    })
    await speak({ scopes: ['pay'] })
    entry.notify.resourceUpdated('note://acme')
    await vi.waitUntil(() => received.length > 1, 30_000)
    expect(received[1]).toMatchObject({ method: 'notifications/resources/updated' })
    expect(received).toHaveLength(2)
  })

  test('announces a grant once, however the tokens of its caller alternate', async () => {
    const { speak, listen } = await serveOverHttp()
    const { received } = await listen({ toolsListChanged: true }, 'seven')
    for (const scopes of [['pay'], ['read'], ['pay', 'read'], ['read']]) await speak({ scopes })
    await speak({ scopes: ['audit'] })
    await vi.waitUntil(() => received.length > 2, 30_000)
    expect(received.slice(1).map(changed)).toEqual(['tools', 'tools'])
    expect(received[1]).toMatchObject({ params: { _meta: { [subscriptionKey]: 'seven' } } })
  })

  test('is not spoken to after its client left', async () => {
    const { speak, listen } = await serveOverHttp()
    const { leave, received } = await listen(all)
    leave()
    const { status } = await speak({ scopes: ['pay'] })
    expect(status).toBe(200)
    expect(received).toHaveLength(1)
  })
})

test('a listen stream on stdio announces what a new token lets its user see', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'token-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const tokenFile = join(directory, 'token')
  const times = { iat: start, exp: start + 300 }
  const write = (scope: string) =>
    writeFile(
      tokenFile,
      mintToken({ sub: 'ada', scope, padding: 'x'.repeat(scope.length), ...times }),
    )
  await write('read')
  const [input, output] = [new PassThrough(), new PassThrough()]
  onTestFinished(() => void input.end())
  const received: Message[] = []
  output.on('data', (chunk: Buffer) => {
    const lines = chunk.toString('utf8').split('\n').filter(Boolean)
    received.push(...lines.map((line) => JSON.parse(line) as Message))
  })
  protectedStdio(serveStdio, createServer, {
    tokenFile,
    authenticator: createTokenAuthenticator(() => start),
    transport: new StdioServerTransport(input, output),
    clock: () => start,
  })
  const send = async (method: string, params: object, id: number): Promise<void> => {
    const before = received.length
    input.write(`${JSON.stringify(modern(method, { ...params }, id).body)}\n`)
    await vi.waitUntil(() => received.length > before, 30_000)
  }
  await send('subscriptions/listen', { notifications: all }, 1)
  await send('tools/list', {}, 2)
  expect(received.map(changed).filter(Boolean)).toEqual([])
  await write('read pay')
  await send('tools/list', {}, 3)
  await vi.waitUntil(() => received.some(({ id }) => id === 3), 30_000)
  await send('tools/list', {}, 4)
  await vi.waitUntil(() => received.some(({ id }) => id === 4), 30_000)
  const announced = received.filter((message) => changed(message) !== undefined)
  expect(announced.map(changed)).toEqual(['tools', 'resources'])
  expect(announced[0]).toMatchObject({ params: { _meta: { [subscriptionKey]: 1 } } })
})
