import { setTimeout as delay } from 'node:timers/promises'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { Server as ServerV2 } from '@modelcontextprotocol/server'
import { check } from '@onbehalf/core/guards'
import {
  allowPublic,
  currentIdentity,
  type DecisionEvent,
  guarded,
  protect,
  requireOrg,
  requireRole,
} from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { host } from './support/http-host.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import {
  call,
  generations,
  linkedPair,
  list,
  type Message,
  names,
  reasonOf,
  wire,
} from './support/raw.ts'

const info = { name: 'test', version: '1.0.0' }

describe.each(generations)('protect of a %s server', (generation) => {
  const secret = requireOrg('acme', async (_args: object) => reply('secret'))

  test('returns the same server', () => {
    const server = makeServer(generation)
    expect(protect(server)).toBe(server)
  })

  test('throws TypeError for a server that is protected already', () => {
    const server = protect(makeServer(generation))
    expect(() => protect(server)).toThrow(new TypeError('the server is already protected'))
    expect(() => protect(server.server)).toThrow(TypeError)
  })

  test('throws TypeError for a server that is connected', async () => {
    const server = makeServer(generation)
    const [, far] = linkedPair(generation)
    await server.connect(far as never)
    expect(() => protect(server)).toThrow(
      new TypeError('protect the server before it is connected'),
    )
  })

  test('knows the tools that were registered before it', async () => {
    const server = makeServer(generation)
    server.registerTool('secret', { inputSchema: nothing }, secret)
    const health = allowPublic(async (_args: object) => reply('ok'))
    server.registerTool('health', { inputSchema: nothing }, health)
    const renamed = server.registerTool('old', { inputSchema: nothing }, secret)
    protect(server)
    renamed.update({ name: 'new' })
    const line = await wire(generation, server)
    expect(reasonOf(await line.ask(call(1, 'secret', { any: 1 }), 'eve'))).toBe('org_mismatch')
    expect(reasonOf(await line.ask(call(2, 'new'), 'eve'))).toBe('org_mismatch')
    expect(await line.ask(call(3, 'health'))).toMatchObject({ result: reply('ok') })
    expect(names(await line.ask(list(4), 'eve'))).toEqual(['health'])
    expect(names(await line.ask(list(5), 'bob'))).toEqual(['health', 'new', 'secret'])
  })

  test('fails closed for tools that it does not know', async () => {
    const server = protect(makeServer(generation))
    type Register = (...input: unknown[]) => unknown
    const prototype = Object.getPrototypeOf(server) as { registerTool: Register }
    const unheard = (name: string, handler: unknown) =>
      prototype.registerTool.call(server, name, { inputSchema: nothing }, handler)
    unheard('secret', secret)
    unheard('plain', async () => reply('plain'))
    unheard(
      'health',
      allowPublic(async (_args: object) => reply('ok')),
    )
    const line = await wire(generation, server)
    expect(reasonOf(await line.ask(call(1, 'secret'), 'eve'))).toBe('org_mismatch')
    expect(reasonOf(await line.ask(call(2, 'plain')))).toBe('identity_missing')
    expect(reasonOf(await line.ask(call(3, 'health')))).toBe('identity_missing')
    expect(names(await line.ask(list(4)))).toEqual([])
  })

  test('guards one server on one connection after another', async () => {
    const server = protect(makeServer(generation))
    server.registerTool('secret', { inputSchema: nothing }, secret)
    for (let round = 0; round < 2; round++) {
      const line = await wire(generation, server)
      expect(reasonOf(await line.ask(call(1, 'secret'), 'eve'))).toBe('org_mismatch')
      expect(await line.ask(call(2, 'secret'), 'bob')).toMatchObject({ result: reply('secret') })
      await line.close()
    }
  })

  test('guards a transport that is connected again, once', async () => {
    const events: DecisionEvent[] = []
    const server = protect(makeServer(generation), {
      onEvent: (event) => event.type === 'decision' && events.push(event),
    })
    server.registerTool('secret', { inputSchema: nothing }, secret)
    const [near, far] = linkedPair(generation)
    const received: Message[] = []
    near.onmessage = (message) => received.push(message)
    await server.connect(far as never)
    ;(far as { onclose?: () => void }).onclose?.()
    await server.connect(far as never)
    await near.send(call(1, 'secret') as never)
    await delay(10)
    expect(received).toHaveLength(1)
    expect(reasonOf(received[0]!)).toBe('identity_missing')
    expect(events).toHaveLength(1)
  })

  test('filters lists by guards that decide later', async () => {
    const server = protect(makeServer(generation))
    const later = (allowed: string) =>
      guarded(
        check(`later-${allowed}`, async ({ subject }) => subject === allowed),
        async (_args: object) => reply(''),
      )
    const failing = check('failing', () => Promise.reject(new Error('database down')))
    server.registerTool('for_ada', { inputSchema: nothing }, later('ada'))
    server.registerTool('for_eve', { inputSchema: nothing }, later('eve'))
    server.registerTool(
      'failing',
      { inputSchema: nothing },
      guarded(failing, async () => reply('')),
    )
    server.registerTool('plain', { inputSchema: nothing }, async () => reply(''))
    const line = await wire(generation, server)
    // Elsewhere in this process there are guarded handlers that `plain` might wrap, until it ran.
    await line.ask(call(0, 'plain'), 'eve')
    expect(names(await line.ask(list(1), 'eve'))).toEqual(['for_eve', 'plain'])
    expect(names(await line.ask(list(2)))).toEqual([])
  })

  test('keeps servers in one process apart', async () => {
    const inner = protect(makeServer(generation), { trackIdentity: true })
    inner.registerTool('who', { inputSchema: nothing }, async () =>
      reply(currentIdentity()?.subject ?? 'nobody'),
    )
    inner.registerTool(
      'open',
      { inputSchema: nothing },
      allowPublic(async (_args: object) => reply(currentIdentity()?.subject ?? 'nobody')),
    )
    const innerLine = await wire(generation, inner)
    const outer = protect(makeServer(generation), { trackIdentity: true })
    outer.registerTool('relay', { inputSchema: nothing }, async () => {
      const refused = await innerLine.ask(call('r', 'who'))
      const open = await innerLine.ask(call('o', 'open'))
      return reply(
        [
          reasonOf(refused),
          JSON.stringify(open.result?.['content']),
          currentIdentity()?.subject,
        ].join(),
      )
    })
    const line = await wire(generation, outer)
    const answer = await line.ask(call(1, 'relay'), 'ada')
    expect(answer.result).toMatchObject(
      reply('identity_missing,[{"type":"text","text":"nobody"}],ada'),
    )
  })
})

describe('protect of a low-level server', () => {
  const page = {
    tools: [{ name: 'one', inputSchema: { type: 'object' as const } }],
    nextCursor: 'page-2',
    _meta: { 'com.example/kept': true },
  }

  test.each(generations)('asks for an identity and keeps pages intact (%s)', async (generation) => {
    const server =
      generation === 'v1'
        ? protect(new ServerV1(info, { capabilities: { tools: {} } }), { trackIdentity: true })
        : protect(new ServerV2(info, { capabilities: { tools: {} } }), { trackIdentity: true })
    if (server instanceof ServerV1) {
      server.setRequestHandler(ListToolsRequestSchema, async () => page)
      server.setRequestHandler(CallToolRequestSchema, async () =>
        reply(currentIdentity()?.subject ?? 'nobody'),
      )
    } else {
      server.setRequestHandler('tools/list', async () => page)
      server.setRequestHandler('tools/call', async () =>
        reply(currentIdentity()?.subject ?? 'nobody'),
      )
    }
    const line = await wire(generation, server)
    expect(await line.ask(call(1, 'one'), 'eve')).toMatchObject({ result: reply('eve') })
    expect(reasonOf(await line.ask(call(2, 'one')))).toBe('identity_missing')
    expect((await line.ask(list(3), 'eve')).result).toMatchObject(page)
    expect((await line.ask(list(4))).result).toMatchObject({ ...page, tools: [] })
  })

  test('shows nothing of a list that is malformed', async () => {
    const server = protect(new ServerV2(info, { capabilities: { tools: {} } }), {
      trackIdentity: true,
    })
    server.setRequestHandler('tools/list', async () => ({ tools: 'all of them' }) as never)
    const line = await wire('v2', server)
    const answer = await line.ask(list(1), 'ada')
    expect(JSON.stringify(answer)).not.toContain('all of them')
  })
})

describe('protect of a v1 server', () => {
  test('works over the older HTTP and SSE transport', async () => {
    const transports = new Map<string, SSEServerTransport>()
    const open = await host(async (req, res, body) => {
      if (req.method === 'GET') {
        const server = protect(new McpServerV1(info), { trackIdentity: true })
        const any = requireOrg(async (_args: object, { identity }) =>
          reply(`${identity.subject} ${currentIdentity()?.subject}`),
        )
        server.registerTool('any', { inputSchema: nothing }, any)
        const transport = new SSEServerTransport('/messages', res)
        transports.set(transport.sessionId, transport)
        return server.connect(transport)
      }
      const session = new URL(req.url ?? '', 'http://127.0.0.1').searchParams.get('sessionId')
      await transports.get(session ?? '')?.handlePostMessage(req as never, res, body)
    })
    try {
      for (const [caller, gives] of [
        ['ada', 'ada ada'],
        ['robot', 'Access denied: the caller acts for no organization.'],
      ] as const) {
        const client = new ClientV1(info)
        const requestInit = { headers: { 'x-caller': caller } }
        await client.connect(new SSEClientTransport(open.url, { requestInit }))
        const result = await client.callTool({ name: 'any', arguments: {} })
        expect(result.content).toEqual([{ type: 'text', text: gives }])
        await client.close()
      }
    } finally {
      await open.close()
    }
  })

  test('guards tasks whose createTask was wrapped after it was guarded', async () => {
    const taskStore = new InMemoryTaskStore()
    const capabilities = { tasks: { requests: { tools: { call: {} } } } }
    const server = protect(new McpServerV1(info, { taskStore, capabilities }))
    const errors: string[] = []
    server.server.onerror = ({ message }) => errors.push(message)
    const createTask = requireRole('operator', async () => ({ task: {} }))
    server.experimental.tasks.registerToolTask(
      'wrapped_task',
      { inputSchema: nothing, execution: { taskSupport: 'required' } },
      {
        createTask: (...params: Parameters<typeof createTask>) => createTask(...params),
        getTask: async () => ({}),
        getTaskResult: async () => ({}),
      } as never,
    )
    const line = await wire('v1', server)
    expect(names(await line.ask(list(1), 'bob'))).toEqual([])
    expect(names(await line.ask(list(2), 'ada'))).toEqual(['wrapped_task'])
    expect(errors).toEqual([
      'The guard of tool wrapped_task is hidden by a wrapper: guard the wrapped handler instead',
    ])
    taskStore.cleanup()
  })

  test('guards tasks, and answers a refused one with an error', async () => {
    const taskStore = new InMemoryTaskStore()
    const capabilities = { tasks: { requests: { tools: { call: {} } } } }
    const server = protect(new McpServerV1(info, { taskStore, capabilities }))
    const created: string[] = []
    server.experimental.tasks.registerToolTask(
      'long',
      { inputSchema: nothing, execution: { taskSupport: 'required' } },
      {
        createTask: requireRole('operator', async (_args: object, ctx) => {
          const { taskStore: store, identity } = ctx as typeof ctx & {
            taskStore: { createTask(options: object): Promise<never> }
          }
          created.push(identity.subject)
          return { task: await store.createTask({ ttl: 1000 }) }
        }) as never,
        getTask: async (_args: unknown, { taskId, taskStore: store }: never) =>
          (store as InMemoryTaskStore).getTask(taskId),
        getTaskResult: async (_args: unknown, { taskId, taskStore: store }: never) =>
          (store as InMemoryTaskStore).getTaskResult(taskId) as never,
      } as never,
    )
    const line = await wire('v1', server)
    const ask = (id: number, caller?: string) => {
      const { params, ...rest } = call(id, 'long')
      return line.ask({ ...rest, params: { ...params, task: { ttl: 1000 } } }, caller)
    }
    expect((await ask(1, 'bob')).error).toEqual({
      code: 31_403,
      message: 'Access denied: the caller lacks a required role.',
      data: { reason: 'role_missing', guard: 'role', required: { roles: ['operator'] } },
    })
    expect((await ask(2)).error).toMatchObject({ code: 31_401 })
    expect((await ask(3, 'ada')).result).toHaveProperty('task')
    expect(created).toEqual(['ada'])
    expect(names(await line.ask(list(4), 'bob'))).toEqual([])
    taskStore.cleanup()
  })
})
