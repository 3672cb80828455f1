import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  createMcpHandler,
  createRequestStateCodec,
  type EventStore,
  inputRequired,
  type JSONRPCMessage,
  McpServer as McpServerV2,
} from '@modelcontextprotocol/server'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { callerKey, currentIdentity, type DecisionEvent, protect, requireUser } from '@onbehalf/mcp'
import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createKey } from './support/keys.ts'
import { audience, issuerName, now, resource } from './support/names.ts'
import {
  type AnyServer,
  type SessionWay,
  serve,
  serveSessions,
  sessionWays,
} from './support/sessions.ts'
import { mint } from './support/token.ts'

const key = createKey('ES256')
const claimMap = { organization: 'org' }
const algorithms = ['ES256'] as const
const keys = { jwks: { keys: [key.jwk] } }
const authenticator = createAuthenticator({
  resource,
  clock: () => now,
  sources: [issuerName, 'https://other.example'].map((name) =>
    direct({
      issuer: issuer({ iss: name, audience, kind: 'by-client', algorithms, keys, claimMap }),
    }),
  ),
})

/** A new token each time, as after a refresh. */
function tokenOf(claims: object): Record<string, string> {
  const token = mint(key, { claims: { jti: randomBytes(8).toString('hex'), ...claims } })
  return { authorization: `Bearer ${token}` }
}

const ada = () => tokenOf({ sub: 'ada', org: 'acme' })

/** Everybody who is not ada in acme, most alike first. */
const others: readonly (readonly [string, () => Record<string, string>])[] = [
  ['the same user in another organization', () => tokenOf({ sub: 'ada', org: 'globex' })],
  ['the same user in no organization', () => tokenOf({ sub: 'ada' })],
  [
    'an equal subject of another issuer',
    () => tokenOf({ iss: 'https://other.example', sub: 'ada', org: 'acme' }),
  ],
  ['another user in the same organization', () => tokenOf({ sub: 'bob', org: 'acme' })],
  ['nobody', () => ({})],
]

const notFound = {
  status: 404,
  type: 'application/json',
  body: '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}',
}

let events: DecisionEvent[] = []
let ran: string[] = []
beforeEach(() => {
  events = []
  ran = []
})

type Headers = Record<string, string>
const accept = { accept: 'application/json, text/event-stream' }

function send(url: URL, method: string, headers: Headers, body?: unknown): Promise<Response> {
  return fetch(url, {
    method,
    headers: {
      ...accept,
      ...headers,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

async function seen(response: Response): Promise<typeof notFound> {
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    body: await response.text(),
  }
}

const clientInfo = { name: 'test', version: '1' }
const params = { protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo }
const hello = { jsonrpc: '2.0', id: 'hello', method: 'initialize', params }

function call(id: number | string, name: string, more: object = {}) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {}, ...more } }
}

async function openSession(url: URL, caller: Headers): Promise<string> {
  const response = await send(url, 'POST', caller, hello)
  await response.text()
  const session = response.headers.get('mcp-session-id') ?? ''
  const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }
  await send(url, 'POST', { ...caller, 'mcp-session-id': session }, initialized)
  return session
}

function createServer(way: SessionWay, options: object = {}): AnyServer {
  const server = protect(way.createServer(options), {
    clock: () => now,
    trackIdentity: true,
    onEvent: (event) => event.type === 'decision' && events.push(event),
  })
  server.registerTool('secret', { inputSchema: z.object({}) }, async () => {
    ran.push(String(currentIdentity()?.subject))
    return { content: [{ type: 'text', text: 'the secret of the session' }] }
  })
  server.registerTool('announce', { inputSchema: z.object({}) }, async () => {
    await server.server.sendLoggingMessage({ level: 'info', data: 'for the owner alone' })
    return { content: [{ type: 'text', text: 'announced' }] }
  })
  return server
}

describe.each(sessionWays)('$name', (way) => {
  const start = (options = {}) =>
    serveSessions(way, authenticator, () => createServer(way), options)
  const startBare = () => serveSessions(way, authenticator, () => way.createServer())

  const requests = [
    { what: 'POST of a call', method: 'POST', body: call(1, 'secret') },
    { what: 'POST of a batch', method: 'POST', body: [call(1, 'secret'), call(2, 'secret')] },
    { what: 'POST of an answer', method: 'POST', body: { jsonrpc: '2.0', id: 0, result: {} } },
    {
      what: 'POST of a cancellation',
      method: 'POST',
      body: { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
    },
    { what: 'GET of the stream', method: 'GET' },
    { what: 'GET with Last-Event-ID', method: 'GET', headers: { 'last-event-id': 'any' } },
    { what: 'DELETE', method: 'DELETE' },
  ] as const

  describe.each(others)('C10 %s', (_who, other) => {
    test.each(requests)('C10 gets for $what what an unknown session gets', async (request) => {
      const { method } = request
      const body = 'body' in request ? request.body : undefined
      const more = 'headers' in request ? request.headers : {}
      const [url, bare] = [await start(), await startBare()]
      const session = await openSession(url, ada())
      await openSession(bare, ada())
      const attempt = async (at: URL, id: string) =>
        seen(await send(at, method, { ...other(), ...more, 'mcp-session-id': id }, body))
      const foreign = await attempt(url, session)
      expect(foreign).toEqual(notFound)
      expect(foreign).toEqual(await attempt(bare, 'unknown'))
      expect(ran).toEqual([])
      expect(events.filter(({ decision }) => decision.effect === 'deny')).toMatchObject([
        { method: `HTTP ${method}`, decision: { reason: 'session_owner_mismatch' } },
      ])
      const own = { ...ada(), 'mcp-session-id': session }
      const answer = await send(url, 'POST', own, call(3, 'secret'))
      expect(await answer.text()).toContain('the secret of the session')
    })
  })

  test('C10 a refreshed token keeps the session', async () => {
    const url = await start()
    const session = await openSession(url, ada())
    for (let refresh = 0; refresh < 3; refresh++) {
      const own = { ...ada(), 'mcp-session-id': session }
      expect(await (await send(url, 'POST', own, call(refresh, 'secret'))).text()).toContain(
        'secret',
      )
    }
    const closed = await send(url, 'DELETE', { ...ada(), 'mcp-session-id': session })
    expect(closed.status).toBe(200)
  })

  test('C10 a session that nobody owns belongs to the first identity in it', async () => {
    const url = await start()
    const session = await openSession(url, {})
    const stream = await send(url, 'GET', { 'mcp-session-id': session })
    const own = { ...ada(), 'mcp-session-id': session }
    expect(await (await send(url, 'POST', own, call(1, 'announce'))).text()).toContain('announced')
    // The stream of the caller before has ended.
    expect(await stream.text()).not.toContain('for the owner alone')
    const again = await send(url, 'POST', { 'mcp-session-id': session }, call(2, 'secret'))
    expect(await seen(again)).toEqual(notFound)
    expect(ran).toEqual([])
  })

  test('C10 an event id opens no events of another session', async () => {
    const shared = sharedEvents()
    const url = await start({ events: () => shared })
    const session = await openSession(url, ada())
    const own = { ...ada(), 'mcp-session-id': session }
    await (await send(url, 'POST', own, call(1, 'announce'))).text()
    const bob = () => tokenOf({ sub: 'bob', org: 'acme' })
    const foreign = await openSession(url, bob())
    expect(shared.ids.length).toBeGreaterThan(2)
    for (const id of shared.ids.slice(0, -2)) {
      const headers = { ...bob(), 'mcp-session-id': foreign, 'last-event-id': id }
      const [answer, unknown] = await Promise.all([
        send(url, 'GET', headers).then(seen),
        send(url, 'GET', { ...headers, 'last-event-id': 'unknown' }).then(seen),
      ])
      expect(answer).toEqual(unknown)
      expect(answer.status).toBe(400)
    }
    const [first = ''] = shared.ids
    const resumed = await send(url, 'GET', { ...own, 'last-event-id': first })
    expect(resumed.status).toBe(200)
    await resumed.body?.cancel()
  })
})

/** An event store that all sessions of a process share. */
function sharedEvents(): EventStore & { readonly ids: readonly string[] } {
  const stored: { id: string; streamId: string; message: JSONRPCMessage }[] = []
  const find = (eventId: string) => stored.find(({ id }) => id === eventId)
  return {
    get ids() {
      return stored.map(({ id }) => id)
    },
    storeEvent: async (streamId, message) => {
      const id = `event-${stored.length}`
      stored.push({ id, streamId, message })
      return id
    },
    getStreamIdForEventId: async (eventId) => find(eventId)?.streamId,
    replayEventsAfter: async (lastEventId, { send: replay }) => {
      const last = find(lastEventId)
      const later = stored.slice(stored.findIndex(({ id }) => id === lastEventId) + 1)
      for (const { id, streamId, message } of later) {
        if (streamId === last?.streamId) await replay(id, message)
      }
      return last?.streamId ?? ''
    },
  }
}

describe('SDK v1 over the older HTTP and SSE transport', () => {
  async function start(): Promise<URL> {
    const transports = new Map<string, SSEServerTransport>()
    return serve(authenticator, async (req, res, body) => {
      if (req.method === 'GET') {
        const transport = new SSEServerTransport('/mcp', res)
        transports.set(transport.sessionId, transport)
        await createServer(sessionWays[0]!).connect(transport as never)
        return
      }
      const id = new URL(req.url ?? '', 'http://127.0.0.1').searchParams.get('sessionId')
      await transports.get(id ?? '')?.handlePostMessage(req as never, res, body)
    })
  }

  test.each(others)('C10 %s cannot post into a stream', async (_who, other) => {
    const url = await start()
    const stream = await send(url, 'GET', ada())
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
    const { value = '' } = await reader.read()
    const endpoint = new URL(/data: (\S+)/.exec(value)?.[1] ?? '', url)
    const foreign = await send(endpoint, 'POST', other(), call(1, 'secret'))
    expect(await seen(foreign)).toEqual(notFound)
    expect(ran).toEqual([])
    const own = await send(endpoint, 'POST', ada(), call(2, 'secret'))
    expect(own.status).toBe(202)
    expect((await reader.read()).value).toContain('the secret of the session')
    await reader.cancel()
  })
})

describe('tasks of SDK v1', () => {
  const store = new InMemoryTaskStore()
  const capabilities = { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }

  function createTaskServer(): AnyServer {
    const server = protect(new McpServerV1(clientInfo, { taskStore: store, capabilities }), {
      clock: () => now,
      trackIdentity: true,
      onEvent: (event) => event.type === 'decision' && events.push(event),
    })
    type Tasks = Pick<InMemoryTaskStore, 'getTask' | 'getTaskResult'> & {
      createTask(options: object): Promise<{ taskId: string }>
      storeTaskResult(id: string, status: string, result: object): Promise<void>
    }
    server.experimental.tasks.registerToolTask(
      'long',
      { inputSchema: z.object({}), execution: { taskSupport: 'required' } },
      {
        createTask: requireUser(async (_args: object, ctx) => {
          const { taskStore } = ctx as unknown as { taskStore: Tasks }
          const task = await taskStore.createTask({ ttl: 60_000 })
          const content = [{ type: 'text', text: 'the result of ada' }]
          await taskStore.storeTaskResult(task.taskId, 'completed', { content })
          return { task }
        }) as never,
        getTask: async (_args: unknown, { taskId }: never) => store.getTask(taskId),
        getTaskResult: async (_args: unknown, { taskId }: never) => store.getTaskResult(taskId),
      } as never,
    )
    return server
  }

  const stateless = () =>
    serve(authenticator, async (req, res, body) => {
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
      res.on('close', () => void transport.close())
      await createTaskServer().connect(transport as never)
      await transport.handleRequest(req as never, res, body)
    })

  async function ask(url: URL, caller: Headers, method: string, sent: object): Promise<string> {
    const body = { jsonrpc: '2.0', id: 7, method, params: sent }
    return (await send(url, 'POST', caller, body)).text()
  }

  async function makeTask(url: URL): Promise<string> {
    const made = JSON.parse(
      await ask(url, ada(), 'tools/call', { name: 'long', arguments: {}, task: { ttl: 60_000 } }),
    ) as { result: { task: { taskId: string } } }
    return made.result.task.taskId
  }

  const identified = others.filter(([who]) => who !== 'nobody')

  describe.each(identified)('C10 %s', (_who, other) => {
    test.each(['tasks/get', 'tasks/result', 'tasks/cancel'])(
      'C10 gets for %s what an unknown task gets',
      async (method) => {
        const url = await stateless()
        const taskId = await makeTask(url)
        events = []
        const foreign = await ask(url, other(), method, { taskId })
        const unknown = await ask(url, other(), method, { taskId: '0'.repeat(32) })
        expect(foreign).toBe(unknown.replaceAll('0'.repeat(32), taskId))
        expect(foreign).toContain('-32602')
        expect(foreign).not.toContain('the result of ada')
        expect(events).toMatchObject([
          { method, decision: { reason: 'session_owner_mismatch' } },
          { method, decision: { reason: 'session_owner_mismatch' } },
        ])
        expect(await ask(url, ada(), 'tasks/result', { taskId })).toContain('the result of ada')
      },
    )

    test('C10 sees no task of another caller in a list', async () => {
      const url = await stateless()
      const taskId = await makeTask(url)
      let [cursor, pages]: [string | undefined, string] = [undefined, '']
      do {
        const page = await ask(url, other(), 'tasks/list', cursor === undefined ? {} : { cursor })
        const { result } = JSON.parse(page) as { result: { tasks: unknown[]; nextCursor?: string } }
        pages += JSON.stringify(result.tasks)
        cursor = result.nextCursor
      } while (cursor !== undefined)
      expect(pages).not.toContain(taskId)
    })

    test('C10 cannot have an answer put into a task of another caller', async () => {
      const url = await stateless()
      const taskId = await makeTask(url)
      const meta = { 'io.modelcontextprotocol/related-task': { taskId } }
      await ask(url, other(), 'tasks/get', { taskId: 'unknown', _meta: meta })
      expect(await ask(url, ada(), 'tasks/result', { taskId })).toContain('the result of ada')
    })
  })

  test('C10 nobody gets nothing of a task', async () => {
    const url = await stateless()
    const taskId = await makeTask(url)
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
      expect(await ask(url, {}, method, { taskId })).toContain('31401')
    }
    store.cleanup()
  })
})

describe('request state of SDK v2', () => {
  const state = createRequestStateCodec({ key: randomBytes(32), bind: callerKey })

  function createStateServer(): McpServerV2 {
    const server = protect(
      new McpServerV2(clientInfo, { requestState: { verify: (...sent) => state.verify(...sent) } }),
      { clock: () => now, trackIdentity: true },
    )
    server.registerTool('ask', { inputSchema: z.object({}) }, async (_args, ctx) => {
      const known = ctx.mcpReq.requestState<{ step: number }>()
      if (known !== undefined) {
        ran.push(String(currentIdentity()?.subject))
        return { content: [{ type: 'text', text: `step ${known.step}` }] }
      }
      const requestState = await state.mint({ step: 2 }, ctx)
      return inputRequired({
        inputRequests: {
          more: {
            method: 'elicitation/create',
            params: {
              mode: 'form',
              message: 'More?',
              requestedSchema: { type: 'object', properties: {} },
            },
          },
        },
        requestState,
      } as never)
    })
    return server
  }

  const prefix = 'io.modelcontextprotocol/'
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'ask',
  }
  const meta = {
    [`${prefix}protocolVersion`]: '2026-07-28',
    [`${prefix}clientInfo`]: clientInfo,
    [`${prefix}clientCapabilities`]: { elicitation: { form: {} } },
  }

  async function ask(url: URL, caller: Headers, more: object = {}): Promise<string> {
    const body = call(1, 'ask', { _meta: meta, ...more })
    return (await send(url, 'POST', { ...caller, ...headers }, body)).text()
  }

  test.each(others)(
    'C10 %s cannot continue with the state of another caller',
    async (_who, other) => {
      const handle = toNodeHandler(createMcpHandler(createStateServer))
      const url = await serve(authenticator, (req, res, body) => handle(req as never, res, body))
      const asked = await ask(url, ada())
      const requestState = /"requestState":"([^"]+)"/.exec(asked)?.[1]
      expect(requestState).toBeTypeOf('string')
      const answers = { requestState, inputResponses: { more: { action: 'accept', content: {} } } }
      const unknown = { ...answers, requestState: `${requestState?.slice(0, -4)}AAAA` }
      const foreign = await ask(url, other(), answers)
      expect(foreign).not.toContain('step 2')
      expect(ran).toEqual([])
      expect(foreign).toBe(await ask(url, other(), unknown))
      await delay(1)
      expect(await ask(url, ada(), answers)).toContain('step 2')
      expect(ran).toEqual(['ada'])
    },
  )
})
