import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/server'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import { check } from '@onbehalf/core/guards'
import { type DecisionEvent, guarded, protect, protectedStdio, requireOrg } from '@onbehalf/mcp'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { modern } from './support/http-host.ts'
import type { Message } from './support/raw.ts'
import { createTokenAuthenticator, mintToken, start } from './support/tokens.ts'

let time = start
let isListed = true
let waitsFor: Promise<void> | undefined
let events: DecisionEvent[] = []
let errors: string[] = []
let servers: McpServer[] = []
beforeEach(() => {
  time = start
  isListed = true
  waitsFor = undefined
  events = []
  errors = []
  servers = []
})

const authenticator = createTokenAuthenticator(() => start)
const capabilities = { resources: { subscribe: true }, tools: { listChanged: true } }
const listed = check('listed', () => waitsFor?.then(() => isListed) ?? isListed)
const read = async () => ({ contents: [] })

function createServer(): McpServer {
  const server = new McpServer({ name: 'test', version: '1' }, { capabilities })
  server.registerResource('acme', 'note://acme', {}, requireOrg('acme', read))
  server.registerResource('list', 'note://list', {}, guarded(listed, read))
  server.registerTool('any', {}, async () => ({ content: [] }))
  servers.push(server)
  return server
}

const listen = (id: number, uris: readonly string[]) =>
  modern(
    'subscriptions/listen',
    { notifications: { resourceSubscriptions: uris, toolsListChanged: true } },
    id,
  ).body
const cancel = (requestId: number) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
})

function tokenOf(sub: string, org: string): string {
  return mintToken({ sub, org_id: org, iat: start, exp: start + 300 })
}

function inShort({ id, method, params, error, result }: Message): string {
  const { reason } = (error?.data ?? {}) as { reason?: string }
  const what = method?.replace('notifications/', '') ?? reason ?? error?.message
  const parts: (number | string | undefined)[] = [
    id as number | undefined,
    what ?? Object.keys(result ?? {}).join(),
    params?.['uri'] as string | undefined,
  ]
  return parts.filter((part) => part !== undefined).join(' ')
}

type Factory = () => McpServer

/** A line on which a test says exactly what goes over the wire. */
function connect(token?: string, factory: Factory = createServer) {
  const [input, output] = [new PassThrough(), new PassThrough()]
  onTestFinished(() => void input.end())
  const received: Message[] = []
  let rest = ''
  output.on('data', (chunk: Buffer) => {
    const lines = `${rest}${chunk.toString('utf8')}`.split('\n')
    rest = lines.pop() ?? ''
    received.push(...lines.map((line) => JSON.parse(line) as Message))
  })
  const onerror = ({ message }: Error): void => void errors.push(message)
  protectedStdio((create, options) => serveStdio(create, { ...options, onerror }), factory, {
    ...(token === undefined ? { guests: true } : { token }),
    authenticator,
    transport: new StdioServerTransport(input, output),
    clock: () => time,
    onEvent: (event) => event.type === 'decision' && events.push(event),
  })
  return {
    received,
    send: (...messages: object[]) => {
      input.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
    },
    /** What was received, in short, once there is so much of it. */
    seen: async (count: number): Promise<string[]> => {
      for (let round = 0; round < 200 && received.length < count; round++) await delay(5)
      await delay(10)
      return received.map(inShort)
    },
    /** The server that the entry uses: the others were made to decide on a stream. */
    pinned: () => servers.find((server) => server.isConnected())!.server,
  }
}

describe('a server that its factory protected', () => {
  const readNote = {
    jsonrpc: '2.0',
    id: 1,
    method: 'resources/read',
    params: { uri: 'note://acme' },
  }
  const initialize = {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    },
  }

  test('is guarded by the settings of protectedStdio', async () => {
    const line = connect(tokenOf('ada', 'acme'), () => protect(createServer()))
    line.send(initialize, readNote)
    expect(await line.seen(2)).toContain('1 contents')
    expect(events).toMatchObject([{ resource: 'note://acme', decision: { effect: 'allow' } }])
  })

  test('serves nothing when protect was given options', async () => {
    const line = connect(tokenOf('ada', 'acme'), () =>
      protect(createServer(), { onEvent: () => {} }),
    )
    line.send(initialize)
    line.send(listen(1, ['note://acme']))
    expect(await line.seen(2)).toEqual(['0 Internal server error', '1 Internal error'])
    expect(new Set(errors)).toEqual(new Set(['give the options of protect to the entry instead']))
    expect(events).toEqual([])
  })
})

describe('subscriptions/listen on stdio', () => {
  test('is refused without an identity', async () => {
    const line = connect()
    line.send(listen(1, ['note://acme']))
    expect(await line.seen(1)).toEqual(['1 identity_missing'])
    expect(line.received[0]?.error).toMatchObject({
      code: 31_401,
      message: 'Access denied: the call carries no verified identity.',
    })
    expect(events).toMatchObject([{ method: 'subscriptions/listen', decision: { effect: 'deny' } }])
  })

  test('is refused for a resource that the caller may not read', async () => {
    const line = connect(tokenOf('eve', 'globex'))
    line.send(listen(1, ['note://list', 'NOTE://acme']))
    expect(await line.seen(1)).toEqual(['1 org_mismatch'])
    expect(events.at(-1)).toMatchObject({
      resource: 'note://acme',
      decision: { reason: 'org_mismatch' },
    })
  })

  test('is refused with a fixed text when the factory fails', async () => {
    const line = connect(tokenOf('ada', 'acme'), () => {
      throw new Error('no database')
    })
    line.send(listen(1, ['note://acme']))
    expect(await line.seen(1)).toEqual(['1 Internal error'])
    expect(errors).toEqual(['no database'])
  })

  test('tells those whom the guard lets in of changes, until they cancel', async () => {
    const line = connect(tokenOf('ada', 'acme'))
    line.send(listen(1, ['note://acme']))
    expect(await line.seen(1)).toEqual(['subscriptions/acknowledged'])
    await line.pinned().sendResourceUpdated({ uri: 'note://acme' })
    expect((await line.seen(2)).slice(1)).toEqual(['resources/updated note://acme'])
    line.send(cancel(1))
    await delay(20)
    await line.pinned().sendResourceUpdated({ uri: 'note://acme' })
    expect(await line.seen(2)).toHaveLength(2)
  })

  test('is cancelled in the order of arrival', async () => {
    const line = connect(tokenOf('ada', 'acme'))
    line.send(listen(1, ['note://acme']), cancel(1), listen(2, ['note://list']))
    await line.seen(1)
    for (const uri of ['note://acme', 'note://list']) {
      await line.pinned().sendResourceUpdated({ uri })
    }
    expect(await line.seen(2)).toEqual([
      'subscriptions/acknowledged',
      'resources/updated note://list',
    ])
  })

  test('keeps its order while a guard takes time', async () => {
    let decide = (): void => undefined
    const line = connect(tokenOf('ada', 'acme'))
    line.send(listen(1, ['note://list']))
    await line.seen(1)
    waitsFor = new Promise((resolve) => {
      decide = resolve
    })
    const server = line.pinned()
    const sent = [server.sendResourceUpdated({ uri: 'note://list' }), server.sendToolListChanged()]
    await delay(20)
    expect(line.received).toHaveLength(1)
    decide()
    await Promise.all(sent)
    expect((await line.seen(3)).slice(1)).toEqual([
      'resources/updated note://list',
      'tools/list_changed',
    ])
  })

  test('is open once under one id', async () => {
    const line = connect(tokenOf('ada', 'acme'))
    line.send(listen(1, ['note://acme']))
    await line.seen(1)
    line.send(listen(1, ['note://list']))
    expect(await line.seen(2)).toEqual([
      'subscriptions/acknowledged',
      '1 Request id already in use',
    ])
  })

  test('is decided on by the server that the line is served by', async () => {
    const line = connect(tokenOf('ada', 'acme'))
    line.send(listen(1, ['note://acme']))
    await line.seen(1)
    const made = servers.length
    line.send(listen(2, ['note://acme']), listen(3, ['note://other']))
    await line.seen(3)
    expect(servers).toHaveLength(made)
    expect(servers.at(-1)?.isConnected()).toBe(true)
  })

  test('withholds what the guard has come to refuse', async () => {
    const line = connect(tokenOf('ada', 'acme'))
    line.send(listen(1, ['note://acme', 'note://list']))
    await line.seen(1)
    isListed = false
    for (const uri of ['note://list', 'note://acme']) {
      await line.pinned().sendResourceUpdated({ uri })
    }
    await line.pinned().sendToolListChanged()
    expect((await line.seen(3)).slice(1)).toEqual([
      'resources/updated note://acme',
      'tools/list_changed',
    ])
    expect(events.at(-1)).toMatchObject({
      method: 'notifications/resources/updated',
      resource: 'note://list',
      decision: { guard: 'listed' },
    })
  })

  test('ends with the identity that opened it, and can be opened again', async () => {
    const line = connect(tokenOf('ada', 'acme'))
    line.send(listen(1, ['note://acme']))
    await line.seen(1)
    time = start + 361
    await line.pinned().sendResourceUpdated({ uri: 'note://acme' })
    expect((await line.seen(2)).slice(1)).toEqual(['1 resultType,_meta'])
    expect(line.received[1]?.result).toEqual({
      resultType: 'complete',
      _meta: { 'io.modelcontextprotocol/subscriptionId': 1 },
    })
    time = start
    line.send(listen(1, ['note://acme']))
    await line.seen(3)
    await line.pinned().sendResourceUpdated({ uri: 'note://acme' })
    expect((await line.seen(4)).slice(2)).toEqual([
      'subscriptions/acknowledged',
      'resources/updated note://acme',
    ])
  })

  test('ends on time when nothing happens', async () => {
    time = start + 359.9
    const line = connect(tokenOf('ada', 'acme'))
    line.send(listen(1, ['note://acme']))
    expect(await line.seen(2)).toEqual(['subscriptions/acknowledged', '1 resultType,_meta'])
  })

  test('leaves what the entry answers to a malformed one', async () => {
    const line = connect(tokenOf('ada', 'acme'))
    const { body } = modern('subscriptions/listen', { notifications: 'all' }, 1)
    line.send(body)
    await line.seen(1)
    line.send(listen(1, ['note://acme']))
    expect(await line.seen(2)).toEqual([
      "1 Invalid params: 'notifications' is required and must be a valid SubscriptionFilter",
      'subscriptions/acknowledged',
    ])
  })
})

describe('protectedStdio', () => {
  const transport = new StdioServerTransport()
  const usual = { authenticator, transport, token: 'a' }
  const serve = () => undefined

  test('throws TypeError for an HTTP transport', () => {
    const http = new StreamableHTTPServerTransport({}) as never
    expect(() => protectedStdio(serve, createServer, { ...usual, transport: http })).toThrow(
      new TypeError('transport must be one without HTTP'),
    )
  })

  test.each([
    ['authenticator must not be undefined', { authenticator: undefined }],
    ['authenticator must be made by createAuthenticator', { authenticator: {} }],
    ['transport must not be undefined', { transport: undefined }],
    ['"rule" is not an option of protectedStdio; did you mean "rules"?', { rule: [] }],
    ['token must not be undefined', { token: undefined }],
    ['either token or tokenFile must be given, not both', { tokenFile: 'b' }],
  ])('throws TypeError: %s', (message, options) => {
    const wrong = { ...usual, ...options } as never
    expect(() => protectedStdio(serve, createServer, wrong)).toThrow(new TypeError(message))
  })

  test('needs a token unless guests are welcome', () => {
    const wrong = { authenticator, transport }
    expect(() => protectedStdio(serve, createServer, wrong)).toThrow(
      new TypeError('a transport without headers needs token or tokenFile'),
    )
  })
})

describe('a program on stdio', () => {
  async function run(claims: object) {
    const program = fileURLToPath(new URL('support/stdio-server.ts', import.meta.url))
    const sent = JSON.stringify({ ...claims, iat: start, exp: start + 300 })
    const client = new Client(
      { name: 'test', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    )
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: ['--conditions=@onbehalf/source', '--import', 'tsx', program],
      env: { ...getDefaultEnvironment(), TEST_CLAIMS: sent },
    })
    await client.connect(transport)
    onTestFinished(() => client.close())
    const heard: string[] = []
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
      heard.push(params.uri)
    })
    return { client, heard }
  }

  test('lets its person listen to what that person may read', async () => {
    const { client, heard } = await run({ sub: 'ada', org_id: 'acme' })
    await client.listen({ resourceSubscriptions: ['note://acme'] })
    await expect(client.listen({ resourceSubscriptions: ['note://globex'] })).rejects.toThrow(
      'Access denied: the caller does not act for this organization.',
    )
    await client.callTool({ name: 'touch', arguments: {} })
    for (let round = 0; round < 100 && heard.length < 1; round++) await delay(10)
    expect(heard).toEqual(['note://acme'])
  }, 60_000)
})
