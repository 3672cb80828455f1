import { readFileSync } from 'node:fs'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, InMemoryTransport, type McpServer } from '@modelcontextprotocol/server'
import { createAuthenticator, direct } from '@onbehalf/core'
import {
  allowPublic,
  currentIdentity,
  identityOf,
  protect,
  protectedHandler,
  requireOrg,
  requireScope,
  requireUser,
  type ServerEvent,
  type ServerOptions,
} from '@onbehalf/mcp'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { listTrail } from './support/audit.ts'
import { resource, resourceMetadataUrl } from './support/callers.ts'
import { type Handle, host, modern, type Posted, post, type Rpc } from './support/http-host.ts'
import { type AnyServer, makeServer, nothing, reply } from './support/make-server.ts'
import { call, type Generation } from './support/raw.ts'
import { createTokenAuthenticator, mintToken, people, start } from './support/tokens.ts'

const now = () => start
const authenticator = createTokenAuthenticator(now)
const usual = { authenticator, clock: now }

function bearer(claims: object = {}): Record<string, string> {
  const whole = { sub: 'ada', org_id: 'acme', iat: start, exp: start + 300, ...claims }
  return { authorization: `Bearer ${mintToken(whole)}` }
}

let ran: string[] = []
afterEach(() => {
  ran = []
})

function createServer(generation: Generation): AnyServer {
  const server = makeServer(generation, { capabilities: { resources: { subscribe: true } } })
  const tool = (name: string) => async (_args: object, ctx: unknown) => {
    ran.push(name)
    return reply(`${name} for ${identityOf(ctx)?.subject ?? 'a guest'}`)
  }
  const config = { inputSchema: nothing }
  server.registerTool('search', config, allowPublic(tool('search')))
  server.registerTool('order', config, requireUser(tool('order')))
  server.registerTool('globex', config, requireOrg('globex', tool('globex')))
  server.registerTool('pay', config, requireScope('pay', tool('pay')))
  server.registerTool('plain', config, tool('plain'))
  const read = requireOrg('globex', async () => ({ contents: [] }))
  server.registerResource('note', 'note://globex', {}, read)
  return server
}

async function serve(handle: Handle): Promise<URL> {
  const open = await host(handle)
  onTestFinished(() => open.close())
  return open.url
}

type Send = (url: URL, method: string, params: object, headers?: object) => Promise<Posted>

interface Way {
  readonly name: string
  readonly handle: (options?: ServerOptions) => Handle
  readonly send: Send
}

const sendLegacy: Send = (url, method, params, headers = {}) =>
  post(url, { jsonrpc: '2.0', id: 1, method, params }, { ...headers })
const sendModern: Send = (url, method, params, headers = {}) => {
  const sent = modern(method, { ...params })
  return post(url, sent.body, { ...sent.headers, ...headers })
}

function byHand(options: ServerOptions = {}): Handle {
  return async (req, res, body) => {
    const server = protect(createServer('v1'), { ...usual, ...options })
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    await server.connect(transport as never)
    await transport.handleRequest(req as never, res, body)
  }
}

function inOneEntry(options: ServerOptions = {}): Handle {
  const create = () => createServer('v2') as unknown as McpServer
  const handle = toNodeHandler(protectedHandler(createMcpHandler, create, { ...usual, ...options }))
  return (req, res, body) => handle(req as never, res as never, body)
}

const ways: readonly Way[] = [
  { name: 'protect, SDK v1', handle: byHand, send: sendLegacy },
  { name: 'protectedHandler, 2025 era', handle: inOneEntry, send: sendLegacy },
  { name: 'protectedHandler, 2026-07-28', handle: inOneEntry, send: sendModern },
]

const tool = (name: string) => ({ name, arguments: {} })
const textOf = ({ messages: [first] }: Posted): string | undefined =>
  (first?.result?.['content'] as { text: string }[] | undefined)?.[0]?.text
const toolsOf = ({ messages: [first] }: Posted): string[] =>
  ((first?.result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name).sort()
const challengeOf = ({ headers }: Posted): string => headers.get('www-authenticate') ?? ''

describe.each(ways)('one entry ($name)', ({ handle, send }) => {
  test('serves a caller with a token', async () => {
    const url = await serve(handle())
    const answer = await send(url, 'tools/call', tool('order'), bearer())
    expect(textOf(answer)).toBe('order for ada')
  })

  test.each([
    ['no credential', {}, 401, 'resource_metadata'],
    ['a token of nobody', { authorization: 'Bearer nonsense' }, 401, 'invalid_token'],
    ['an expired token', bearer({ iat: start - 900, exp: start - 600 }), 401, 'invalid_token'],
  ])('refuses %s before anything is read', async (_what, headers, status, error) => {
    const events: ServerEvent[] = []
    const url = await serve(handle({ onEvent: (event) => events.push(event) }))
    for (const method of ['initialize', 'tools/list', 'tools/call']) {
      const answer = await send(url, method, tool('search'), headers)
      expect(answer.status).toBe(status)
      expect(challengeOf(answer)).toContain(`resource_metadata="${resourceMetadataUrl}"`)
      expect(challengeOf(answer)).toContain(error)
    }
    expect(ran).toEqual([])
    expect(events.map(({ type }) => type)).toEqual(['refused', 'refused', 'refused'])
  })

  test.each<readonly [string, string, object, ServerOptions, number]>([
    ['a missing scope', 'pay', bearer(), {}, 403],
    ['a guest', 'order', {}, { guests: true }, 401],
    ['a bad token', 'order', { authorization: 'Bearer x' }, {}, 401],
  ])('gives caller, operator and trail one id of %s', async (_, name, headers, options, status) => {
    const events: ServerEvent[] = []
    const { trail, events: kept } = listTrail()
    const onEvent = (event: ServerEvent) => events.push(event)
    const url = await serve(handle({ ...options, audit: trail, onEvent }))
    const answer = await send(url, 'tools/call', tool(name), headers)
    const requestId = answer.headers.get('x-request-id')
    expect([answer.status, requestId]).toEqual([status, expect.stringMatching(/^[0-9a-f-]{36}$/)])
    expect(events.at(-1)).toMatchObject({ requestId })
    expect(kept).toMatchObject([{ type: 'refusal', decision: { requestId } }])
  })

  test('does not believe an AuthInfo that other code left', async () => {
    const inner = handle()
    const url = await serve(async (req, res, body) => {
      req.auth = { token: 'x', clientId: 'x', scopes: [], extra: { sub: 'ada' } } as never
      await inner(req, res, body)
    })
    expect((await send(url, 'tools/call', tool('plain'))).status).toBe(401)
    expect(ran).toEqual([])
  })

  test('answers a missing scope with 403 and all scopes of the operation', async () => {
    const url = await serve(handle())
    const answer = await send(url, 'tools/call', tool('pay'), bearer())
    expect(answer.status).toBe(403)
    expect(challengeOf(answer)).toMatch(/error="insufficient_scope".*scope="pay"/)
    expect(ran).toEqual([])
  })

  test('records refusals of both kinds and calls in one trail, given once', async () => {
    const { trail, events } = listTrail()
    const url = await serve(handle({ audit: trail }))
    await send(url, 'tools/call', tool('order'))
    await send(url, 'tools/call', tool('globex'), bearer())
    await send(url, 'tools/call', tool('order'), bearer())
    expect(events.map(({ type }) => type)).toEqual(['refusal', 'refusal', 'intent', 'result'])
  })

  test('reports everything to one observer', async () => {
    const events: ServerEvent[] = []
    const url = await serve(handle({ onEvent: (event) => events.push(event) }))
    await send(url, 'tools/call', tool('globex'), bearer())
    expect(events).toMatchObject([
      { type: 'accepted', source: 'direct' },
      { type: 'decision', tool: 'globex', decision: { reason: 'org_mismatch' } },
    ])
  })
})

describe.each(ways)('guests ($name)', ({ handle, send }) => {
  const guests = (onEvent?: ServerOptions['onEvent']) =>
    serve(handle({ guests: true, ...(onEvent && { onEvent }) }))

  test('connect, see what is public and call it', async () => {
    const events: ServerEvent[] = []
    const url = await guests((event) => events.push(event))
    expect(toolsOf(await send(url, 'tools/list', {}))).toEqual(['search'])
    expect(textOf(await send(url, 'tools/call', tool('search')))).toBe('search for a guest')
    expect(events).not.toContainEqual(expect.objectContaining({ type: 'refused' }))
  })

  test.each(['order', 'globex', 'pay', 'plain', 'no-such-tool'])(
    'who call %s get the challenge at which clients sign in',
    async (name) => {
      const url = await guests()
      const answer = await send(url, 'tools/call', tool(name))
      expect(answer.status).toBe(401)
      expect(challengeOf(answer)).toMatch(/^Bearer .*resource_metadata="/)
      expect(challengeOf(answer)).not.toContain('error=')
      expect(ran).toEqual([])
    },
  )

  test('with a bad credential are refused, for what is public too', async () => {
    const url = await guests()
    for (const authorization of ['Bearer nonsense', 'Bearer a.b.c']) {
      const answer = await send(url, 'tools/call', tool('search'), { authorization })
      expect(answer.status).toBe(401)
    }
    expect(ran).toEqual([])
  })

  test('become callers once they have signed in', async () => {
    const url = await guests()
    expect(textOf(await send(url, 'tools/call', tool('order'), bearer()))).toBe('order for ada')
    expect(textOf(await send(url, 'tools/call', tool('search'), bearer()))).toBe('search for ada')
  })
})

test('the entry publishes the metadata of its resource', async () => {
  const create = () => createServer('v2') as unknown as McpServer
  const { fetch } = protectedHandler(createMcpHandler, create, usual)
  const answer = await fetch(new Request(resourceMetadataUrl))
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ resource })
})

test('a factory may receive the request, and be asynchronous', async () => {
  const handler = protectedHandler(
    (factory) => createMcpHandler(factory, { legacy: 'reject' }),
    async (context: { readonly era: string }) => {
      ran.push(context.era)
      return createServer('v2') as unknown as McpServer
    },
    usual,
  )
  const { body, headers } = modern('tools/call', tool('order'))
  const request = new Request(resource, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
      ...bearer(),
    },
    body: JSON.stringify(body),
  })
  expect(await (await handler.fetch(request)).text()).toContain('order for ada')
  expect(ran).toEqual(['modern', 'order'])
})

describe('a half that was forgotten', () => {
  const listen = { notifications: { resourceSubscriptions: ['note://globex'] } }
  const entryOf = (create: () => AnyServer): Handle => {
    const handle = toNodeHandler(createMcpHandler(create as unknown as () => McpServer))
    return (req, res, body) => handle(req as never, res as never, body)
  }
  const warnings = () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => warn.mockRestore())
    return () => warn.mock.calls.map(([message]) => String(message))
  }

  test.each([
    ['nobody', {}],
    ['a caller of another organization', { 'x-caller': 'bob' }],
  ])(
    'no entry, protect in the factory: a listen stream is refused to %s, with a warning',
    async (_who, caller) => {
      const warned = warnings()
      const url = await serve(entryOf(() => protect(createServer('v2'))))
      const answer = await sendModern(url, 'subscriptions/listen', listen, caller)
      expect(answer.status).toBe(500)
      expect((answer.messages as Rpc[])[0]?.error).toMatchObject({ code: -32_603 })
      // Once in the life of a process.
      expect(warned().length).toBeLessThanOrEqual(1)
    },
  )

  test('protect by hand warns of no stream while items are registered, and keeps capabilities', async () => {
    const warned = warnings()
    vi.resetModules()
    const fresh = await import('@onbehalf/mcp')
    const capabilities = { tools: { listChanged: false } }
    const server = fresh.protect(makeServer('v2', { capabilities }))
    server.registerTool(
      'order',
      { inputSchema: nothing },
      requireUser(async () => reply('')),
    )
    server.registerResource('note', 'note://acme', {}, async () => ({ contents: [] }))
    server.registerPrompt('ask', {}, async () => ({ messages: [] }))
    expect(warned()).toEqual([])
    await server.connect(InMemoryTransport.createLinkedPair()[0] as never)
    const { server: low } = server as unknown as McpServer
    expect(low.getCapabilities()).toMatchObject(capabilities)
  })

  test('no entry, protect with an authenticator in the factory: nothing is served', async () => {
    const url = await serve(entryOf(() => protect(createServer('v2'), usual)))
    const answer = await sendModern(url, 'tools/call', tool('search'), bearer())
    expect(answer.status).toBe(500)
    expect(ran).toEqual([])
  })

  test('no authentication: every call that needs an identity is refused', async () => {
    const url = await serve(entryOf(() => protect(createServer('v2'))))
    for (const name of ['order', 'globex', 'pay', 'plain']) {
      const { messages } = await sendLegacy(url, 'tools/call', tool(name), bearer())
      expect(messages[0]?.result).toMatchObject({ isError: true })
    }
    expect(ran).toEqual([])
  })

  test('guards alone, no protect: every guarded call is refused', async () => {
    warnings()
    const url = await serve(entryOf(() => createServer('v2')))
    for (const name of ['order', 'globex', 'pay']) {
      const { messages } = await sendLegacy(url, 'tools/call', tool(name), bearer())
      expect(messages[0]?.result).toMatchObject({ isError: true })
    }
    expect(ran).toEqual([])
  })

  test('an entry, and protect without options in its factory: the settings of the entry count', async () => {
    const create = () => protect(createServer('v2')) as unknown as McpServer
    const handle = toNodeHandler(protectedHandler(createMcpHandler, create, usual))
    const url = await serve((req, res, body) => handle(req as never, res as never, body))
    const answer = await sendModern(url, 'tools/call', tool('order'), bearer())
    expect(textOf(answer)).toBe('order for ada')
    expect((await sendModern(url, 'tools/call', tool('order'))).status).toBe(401)
    const refused = await sendModern(url, 'subscriptions/listen', listen, bearer())
    expect(refused.messages[0]?.error).toMatchObject({ data: { reason: 'org_mismatch' } })
  })

  test('an entry, and protect with options in its factory: nothing is served, with a warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined)
    onTestFinished(() => warn.mockRestore())
    const create = () => protect(createServer('v2'), { guests: true }) as unknown as McpServer
    const handle = toNodeHandler(protectedHandler(createMcpHandler, create, usual))
    const url = await serve((req, res, body) => handle(req as never, res as never, body))
    const answer = await sendModern(url, 'tools/call', tool('order'), bearer())
    expect(answer.status).toBe(500)
    expect(ran).toEqual([])
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('give the options of protect to the entry'),
      expect.objectContaining({ code: 'ONBEHALF_NOT_SERVED' }),
    )
  })

  test.each([
    ['rules', { rules: [{ kind: 'tool', guard: 'public' }] }],
    ['an authenticator', usual],
    ['an observer', { onEvent: () => {} }],
  ] as const)(
    'an entry, and protect with options in its factory: nothing is served for %s',
    async (_what, options) => {
      warnings()
      const create = () => protect(createServer('v2'), options) as unknown as McpServer
      const errors: Error[] = []
      const createHandler = (factory: () => McpServer | Promise<McpServer>) =>
        createMcpHandler(factory, { onerror: (error) => void errors.push(error) })
      const handle = toNodeHandler(protectedHandler(createHandler, create, usual))
      const url = await serve((req, res, body) => handle(req as never, res as never, body))
      const calls = [
        await sendLegacy(url, 'tools/call', tool('order'), bearer()),
        await sendModern(url, 'tools/call', tool('search'), bearer()),
        await sendModern(url, 'subscriptions/listen', listen, bearer()),
      ]
      expect(calls.map(({ status }) => status)).toEqual([500, 500, 500])
      expect(ran).toEqual([])
      const mistake = new TypeError('give the options of protect to the entry instead')
      expect(errors.length).toBeGreaterThan(0)
      for (const error of errors) expect(error).toEqual(mistake)
    },
  )

  test('an entry without an authenticator: TypeError, unless it is null', () => {
    const create = () => createServer('v2') as unknown as McpServer
    expect(() => protectedHandler(createMcpHandler, create, {} as never)).toThrow(
      new TypeError('authenticator is required, or null'),
    )
    expect(() =>
      protectedHandler(createMcpHandler, create, { authenticator: undefined } as never),
    ).toThrow(new TypeError('authenticator must not be undefined'))
  })

  test('an entry with null, and nothing that authenticates before it: calls that need an identity are refused', async () => {
    const create = () => createServer('v2') as unknown as McpServer
    const options = { authenticator: null, clock: now }
    const handle = toNodeHandler(protectedHandler(createMcpHandler, create, options))
    const url = await serve((req, res, body) => handle(req as never, res as never, body))
    const { messages } = await sendLegacy(url, 'tools/call', tool('order'), bearer())
    expect(messages[0]?.result).toMatchObject({ isError: true })
  })

  test('two audit trails: TypeError; the trail of the authenticator is enough', async () => {
    const { trail, events } = listTrail()
    const recorded = createAuthenticator({
      resource,
      clock: now,
      audit: trail,
      sources: [direct({ issuer: people })],
    })
    const options = { authenticator: recorded, clock: now }
    const other = { ...options, audit: listTrail().trail }
    expect(() => protect(createServer('v1'), other)).toThrow(
      new TypeError('audit is another trail than the one of the authenticator'),
    )
    const url = await serve(byHand(options as ServerOptions))
    await sendLegacy(url, 'tools/call', tool('order'))
    await sendLegacy(url, 'tools/call', tool('order'), bearer())
    expect(events.map(({ type }) => type)).toEqual(['refusal', 'intent', 'result'])
  })

  test.each([
    ['"rule" is not an option of protect; did you mean "rules"?', { rule: [] }],
    ['"onDecision" is not an option of protect', { onDecision: () => {} }],
    ['audit must not be undefined', { audit: undefined }],
    ['rules must not be undefined', { rules: undefined }],
    ['authenticator must not be undefined', { authenticator: undefined }],
    ['authenticator must be made by createAuthenticator', { authenticator: {} }],
  ])('an option that nothing reads: TypeError: %s', (message, options) => {
    expect(() => protect(createServer('v1'), options as never)).toThrow(new TypeError(message))
  })

  test('protect after connect: TypeError', async () => {
    const server = createServer('v1')
    await server.connect(new StreamableHTTPServerTransport({}) as never)
    expect(() => protect(server)).toThrow(TypeError)
  })

  test('docs/matrix.md has a row for each way', () => {
    const page = readFileSync(new URL('../../../docs/matrix.md', import.meta.url), 'utf8')
    const tests = readFileSync(new URL(import.meta.url), 'utf8')
    const tried = [...tests.matchAll(/\(\s*'([^':\n]+): [^'\n]*',\s/g)].map(([, half]) => half)
    const [, table = ''] = page.split('## A half that was forgotten')
    const rows = [...table.matchAll(/^\| ([^|]+) \|/gm)].map(([, half]) => half)
    expect(new Set(rows.slice(2))).toEqual(new Set(tried))
  })
})

test('currentIdentity says what it needs before a server asks for it', async () => {
  vi.resetModules()
  const fresh = (await import('@onbehalf/mcp')).currentIdentity as typeof currentIdentity
  expect(() => fresh()).toThrow(
    new TypeError('currentIdentity() needs a server with trackIdentity: true'),
  )
})

test('a call on SDK v1 over sessions is authenticated on every request', async () => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => 'one' })
  await protect(createServer('v1'), usual).connect(transport as never)
  const url = await serve((req, res, body) => transport.handleRequest(req as never, res, body))
  const params = {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  }
  const hello = { jsonrpc: '2.0', id: 0, method: 'initialize', params }
  expect((await post(url, hello, bearer())).status).toBe(200)
  const session = { 'mcp-session-id': 'one' }
  expect((await post(url, call(1, 'order'), session)).status).toBe(401)
  const eve = bearer({ sub: 'eve' })
  expect((await post(url, call(2, 'order'), { ...session, ...eve })).status).toBe(404)
  const ada = await post(url, call(3, 'order'), { ...session, ...bearer() })
  expect(textOf(ada)).toBe('order for ada')
})
