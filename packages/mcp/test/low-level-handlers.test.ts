import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js'
import {
  CallToolRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListToolsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { Server as ServerV2 } from '@modelcontextprotocol/server'
import { organization, role, scope } from '@onbehalf/core/guards'
import { type DecisionEvent, type ProtectOptions, protect, type Rule } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { listTrail } from './support/audit.ts'
import { type AnyServer, makeServer, nothing, reply } from './support/make-server.ts'
import { call, generations, list, names, reasonOf, type Wire, wire } from './support/raw.ts'

const secret = 'S3CR3T'
const marked = { type: 'object', properties: { pin: { type: 'string', 'x-sensitive': true } } }
const offered = [
  { name: 'invoice_run', annotations: { readOnlyHint: false }, inputSchema: marked },
  { name: 'invoice_show', annotations: { readOnlyHint: true }, inputSchema: { type: 'object' } },
]

type SetHandler = (method: string, handler: (request: never) => Promise<object>) => void

/** Sets a handler past `registerTool`, on a server of either generation. */
function setterOf(generation: string, low: object): SetHandler {
  const schemas = {
    'tools/list': ListToolsRequestSchema,
    'tools/call': CallToolRequestSchema,
    'prompts/list': ListPromptsRequestSchema,
    'prompts/get': GetPromptRequestSchema,
  }
  const { setRequestHandler } = low as { setRequestHandler: (...args: unknown[]) => void }
  return (method, handler) =>
    setRequestHandler.call(
      low,
      generation === 'v1' ? schemas[method as keyof typeof schemas] : method,
      handler,
    )
}

interface Called {
  readonly params: { readonly name: string; readonly cursor?: string }
}

describe.each(generations)('low-level handlers of a %s server', (generation) => {
  const capabilities = { tools: {}, prompts: {} }
  const info = { name: 'test', version: '1' }
  const makeLow = () =>
    (generation === 'v1'
      ? new ServerV1(info, { capabilities })
      : new ServerV2(info, { capabilities })) as unknown as AnyServer
  const ran: string[] = []

  function serve(low: object): void {
    ran.length = 0
    const set = setterOf(generation, low)
    // In two pages, as lists may be.
    set('tools/list', async ({ params }: Called) =>
      params?.cursor === undefined
        ? { tools: offered.slice(0, 1), nextCursor: 'second' }
        : { tools: offered.slice(1) },
    )
    set('tools/call', async ({ params }: Called) => {
      ran.push(params.name)
      return reply(`ran ${params.name}`)
    })
    set('prompts/list', async () => ({ prompts: [{ name: 'ask' }] }))
    set('prompts/get', async ({ params }: Called) => {
      ran.push(params.name)
      return { messages: [] }
    })
  }

  const ways: readonly [string, (options: ProtectOptions) => AnyServer][] = [
    [
      'of a low-level server',
      (options) => {
        const server = protect(makeLow(), options)
        serve(server)
        return server
      },
    ],
    [
      'set after protect',
      (options) => {
        const server = protect(makeServer(generation, { capabilities }), options)
        serve(server.server)
        return server
      },
    ],
    [
      'set before protect',
      (options) => {
        const server = makeServer(generation, { capabilities })
        serve(server.server)
        return protect(server, options)
      },
    ],
  ]

  describe.each(ways)('%s', (_way, build) => {
    const connect = (rules: readonly Rule[], more: ProtectOptions = {}): Promise<Wire> =>
      wire(generation, build({ rules, ...more }))
    const both = async (line: Wire, caller: string): Promise<string[]> => {
      const pages = [list(`${caller} 1`), { ...list(`${caller} 2`), params: { cursor: 'second' } }]
      const shown = await Promise.all(pages.map((page) => line.ask(page, caller)))
      return shown.flatMap(names)
    }

    test('are guarded by rules for names', async () => {
      const line = await connect([
        { kind: 'tool', name: 'invoice_run', guard: role('operator') },
        { kind: 'tool', name: 'invoice_*', guard: organization({ ids: 'acme' }) },
        { kind: 'prompt', name: 'ask', guard: role('operator') },
      ])
      expect(await both(line, 'bob')).toEqual(['invoice_show'])
      expect(await both(line, 'ada')).toEqual(['invoice_run', 'invoice_show'])
      expect(reasonOf(await line.ask(call(3, 'invoice_run'), 'bob'))).toBe('role_missing')
      await line.ask(call(4, 'invoice_show'), 'bob')
      const prompt = { jsonrpc: '2.0', id: 5, method: 'prompts/get', params: { name: 'ask' } }
      expect((await line.ask(prompt, 'bob')).error?.data).toMatchObject({ reason: 'role_missing' })
      expect(ran).toEqual(['invoice_show'])
    })

    test('are guarded by rules for annotations, before anyone has listed them', async () => {
      const line = await connect([
        { kind: 'tool', annotations: { readOnlyHint: true }, guard: organization({ ids: 'acme' }) },
        { kind: 'tool', guard: role('operator') },
      ])
      expect(reasonOf(await line.ask(call(1, 'invoice_run'), 'bob'))).toBe('role_missing')
      expect(reasonOf(await line.ask(call(2, 'invoice_show'), 'bob'))).toBeUndefined()
      expect(JSON.stringify(await line.ask(call(3, 'made_up'), 'bob'))).toContain('not found')
      expect(await both(line, 'bob')).toEqual(['invoice_show'])
      expect(ran).toEqual(['invoice_show'])
      // What the gate asked for itself stays with it.
      expect(line.received.map(({ id }) => id)).toEqual([1, 2, 3, 'bob 1', 'bob 2'])
    })

    test('are named in what the operator hears', async () => {
      const events: DecisionEvent[] = []
      const onEvent: ProtectOptions['onEvent'] = (event) =>
        event.type === 'decision' && events.push(event)
      const rules: readonly Rule[] = [{ kind: 'tool', name: 'invoice_run', guard: 'nobody' }]
      const line = await connect(rules, { onEvent })
      for (const [id, name] of ['invoice_run', 'invoice_show', 'made_up'].entries()) {
        await line.ask(call(id, name), 'bob')
      }
      expect(events.map(({ tool, decision }) => [tool, decision.effect])).toEqual([
        ['invoice_run', 'deny'],
        ['invoice_show', 'allow'],
        ['made_up', 'allow'],
      ])
    })

    test('have what their schemas mark redacted', async () => {
      const { trail: audit, events } = listTrail(undefined, { levels: { default: 'arguments' } })
      const line = await connect([], { audit })
      await line.ask(call(1, 'invoice_run', { pin: secret, open: 'visible' }), 'bob')
      expect(JSON.stringify(events)).not.toContain(secret)
      expect(JSON.stringify(events)).toContain('visible')
    })

    test('are not asked for scopes for what they do not list, and do not run', async () => {
      const line = await connect([{ kind: 'tool', guard: scope('pay') }])
      expect(JSON.stringify(await line.ask(call(1, 'made_up'), 'bob'))).toContain('not found')
      expect(ran).toEqual([])
    })
  })

  test('are compared with rules by a warning, as far as nobody knows what they serve', async () => {
    const messages: string[] = []
    const warned = (server: AnyServer): AnyServer => {
      server.server.onerror = ({ message }) => messages.push(message)
      return server
    }
    const name = `later_${generation}_*`
    const rules: readonly Rule[] = [{ kind: 'tool', name, guard: role('operator') }]
    const server = protect(warned(makeServer(generation, { capabilities })), { rules })
    serve(server.server)
    await wire(generation, server)
    expect(messages).toContain(`rule 1 matches no tool: ${name}`)
  })
})

describe.each(generations)('tools of a %s server that come later', (generation) => {
  const rules: readonly Rule[] = [
    { kind: 'tool', name: 'early', guard: organization() },
    { kind: 'tool', name: 'late_*', guard: role('operator') },
  ]
  const add = (server: AnyServer, name: string) =>
    server.registerTool(name, { inputSchema: nothing }, (async () => reply(name)) as never)

  test('are guarded by a rule that matched nothing, where the server says that its list changes', async () => {
    const capabilities = { tools: { listChanged: true } }
    const server = protect(makeServer(generation, { capabilities }), { rules })
    server.server.onerror = () => {}
    add(server, 'early')
    const line = await wire(generation, server)
    add(server, 'late_one')
    expect(names(await line.ask(list(1), 'bob'))).toEqual(['early'])
    expect(names(await line.ask(list(2), 'ada'))).toEqual(['early', 'late_one'])
    expect(reasonOf(await line.ask(call(3, 'late_one'), 'bob'))).toBe('role_missing')
  })

  test('are a mistake of the rules elsewhere', async () => {
    const server = protect(makeServer(generation), { rules })
    add(server, 'early')
    await expect(wire(generation, server)).rejects.toThrow('rule 2 matches no tool: late_*')
  })
})
