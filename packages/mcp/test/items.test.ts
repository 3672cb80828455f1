import { toNodeHandler } from '@modelcontextprotocol/node'
import { completable as completableV1 } from '@modelcontextprotocol/sdk/server/completable.js'
import { ResourceTemplate as TemplateV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  completable as completableV2,
  createMcpHandler,
  ResourceTemplate as TemplateV2,
} from '@modelcontextprotocol/server'
import {
  allowPublic,
  type DecisionEvent,
  type ProtectOptions,
  protect,
  requireOrg,
  requireRole,
  requireScope,
} from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { listTrail } from './support/audit.ts'
import { host, modern, post } from './support/http-host.ts'
import { type AnyServer, makeServer, nothing, reply } from './support/make-server.ts'
import { call, type Generation, generations, type Wire, wire } from './support/raw.ts'

const completed: string[] = []
const ran: string[] = []

type Variables = Record<string, string | string[]>

/** A server with one of everything, all of it of acme alone. */
export function register(generation: Generation, server: AnyServer): AnyServer {
  const Template = generation === 'v1' ? TemplateV1 : (TemplateV2 as unknown as typeof TemplateV1)
  const completable = generation === 'v1' ? completableV1 : (completableV2 as typeof completableV1)
  const complete = (value: string) => {
    completed.push(value)
    return ['january', 'july']
  }
  const read = async (uri: URL) => {
    ran.push(uri.href)
    return { contents: [{ uri: uri.href, text: 'secret' }] }
  }
  const shape = { month: completable(z.string(), complete) }
  const argsSchema = generation === 'v1' ? shape : z.object(shape)
  server.registerTool(
    'pay',
    { inputSchema: nothing },
    requireOrg('acme', async (_args: object) => reply('paid')),
  )
  server.registerResource('note', 'note://acme/today', {}, requireOrg('acme', read))
  server.registerResource('open', 'note://open', {}, allowPublic(read))
  server.registerResource(
    'files',
    new Template('file:///{org}/{name}', {
      list: async () => ({
        resources: ['acme', 'globex'].map((org) => ({ name: org, uri: `file:///${org}/plan` })),
      }),
      complete: { name: complete },
    }),
    {},
    requireOrg({ match: (variables: Variables) => String(variables['org']) }, (async (uri: URL) =>
      read(uri)) as never),
  )
  server.registerPrompt(
    'ask',
    { argsSchema } as never,
    requireOrg('acme', (async () => ({
      messages: [{ role: 'user', content: { type: 'text', text: 'secret' } }],
    })) as never) as never,
  )
  return server
}

function build(generation: Generation, options: ProtectOptions = {}): AnyServer {
  const capabilities = { resources: { subscribe: true }, logging: {} }
  return register(generation, protect(makeServer(generation, { capabilities }), options))
}

async function connect(generation: Generation, options: ProtectOptions = {}): Promise<Wire> {
  completed.length = 0
  ran.length = 0
  return wire(generation, build(generation, options))
}

function request(method: string, params: object = {}, id = 1) {
  return { jsonrpc: '2.0', id, method, params } as const
}

const mismatch = {
  code: 31_403,
  message: 'Access denied: the caller does not act for this organization.',
  data: { reason: 'org_mismatch', guard: 'organization', required: {} },
}

const askRef = { type: 'ref/prompt', name: 'ask' }
const filesRef = { type: 'ref/resource', uri: 'file:///{org}/{name}' }

describe.each(generations)('items of a %s server', (generation) => {
  test.each([
    ['resources/read', { uri: 'note://acme/today' }],
    ['resources/read', { uri: 'NOTE://acme/today', ignored: { deeply: 'malformed' } }],
    ['resources/read', { uri: 'file:///acme/../acme/plan' }],
    ['resources/subscribe', { uri: 'note://acme/today' }],
    ['resources/unsubscribe', { uri: 'file:///acme/plan' }],
    ['prompts/get', { name: 'ask', arguments: { month: 7 } }],
    ['completion/complete', { ref: askRef, argument: { name: 'month', value: 'j' } }],
    ['completion/complete', { ref: filesRef, argument: { name: 'org', value: 'ac' } }],
    [
      'completion/complete',
      {
        ref: filesRef,
        argument: { name: 'name', value: 'p' },
        context: { arguments: { org: 'acme' } },
      },
    ],
  ])('refuses %s before anything is validated: %j', async (method, params) => {
    const line = await connect(generation)
    expect((await line.ask(request(method, params), 'eve')).error).toEqual(mismatch)
    expect((await line.ask(request(method, params, 2))).error).toMatchObject({
      code: 31_401,
      data: { reason: 'identity_missing' },
    })
    expect([ran, completed]).toEqual([[], []])
  })

  test('serves them to those whom the guard lets in', async () => {
    const line = await connect(generation)
    const ask = async (method: string, params: object, id: number) =>
      JSON.stringify((await line.ask(request(method, params, id), 'bob')).result)
    expect(await ask('resources/read', { uri: 'note://acme/today' }, 1)).toContain('secret')
    expect(await ask('resources/read', { uri: 'file:///acme/plan' }, 2)).toContain('secret')
    expect(await ask('prompts/get', { name: 'ask', arguments: { month: 'may' } }, 3)).toContain(
      'secret',
    )
    const month = { ref: askRef, argument: { name: 'month', value: 'j' } }
    expect(await ask('completion/complete', month, 4)).toContain('january')
    const name = {
      ref: filesRef,
      argument: { name: 'name', value: 'p' },
      context: { arguments: { org: 'acme' } },
    }
    expect(await ask('completion/complete', name, 5)).toContain('july')
  })

  test('serves what is public to nobody in particular', async () => {
    const line = await connect(generation)
    const answer = await line.ask(request('resources/read', { uri: 'note://open' }))
    expect(JSON.stringify(answer.result)).toContain('secret')
  })

  test('filters lists, and resources that a template lists by their own URI', async () => {
    const line = await connect(generation)
    const listed = async (caller: string | undefined, id: number) => {
      const answers = await Promise.all([
        line.ask(request('resources/list', {}, id), caller),
        line.ask(request('resources/templates/list', {}, id + 1), caller),
        line.ask(request('prompts/list', {}, id + 2), caller),
      ])
      return answers.flatMap(({ result }) =>
        (Object.values(result ?? {})[0] as { name: string }[]).map(({ name }) => name),
      )
    }
    expect(await listed('bob', 10)).toEqual(['note', 'open', 'acme', 'files', 'ask'])
    expect(await listed('eve', 20)).toEqual(['open', 'globex', 'files'])
    expect(await listed(undefined, 30)).toEqual(['open'])
  })

  test('follows items that are renamed, moved or given another handler', async () => {
    const server = protect(makeServer(generation))
    const prompt = async () => ({ messages: [] })
    const guarded = requireRole('operator', async (_args: object) => ({ messages: [] }))
    const asked = server.registerPrompt('ask', {}, prompt as never)
    const note = server.registerResource(
      'note',
      'note://a',
      {},
      requireRole('operator', async () => ({ contents: [] })),
    )
    asked.update({ name: 'asked', callback: guarded as never })
    note.update({ uri: 'note://b' })
    const line = await wire(generation, server)
    const reasonOf = async (id: number, method: string, params: object) =>
      (await line.ask(request(method, params, id), 'bob')).error?.data
    expect(await reasonOf(1, 'prompts/get', { name: 'asked' })).toMatchObject({
      reason: 'role_missing',
    })
    expect(await reasonOf(2, 'resources/read', { uri: 'note://b' })).toMatchObject({
      reason: 'role_missing',
    })
  })

  test('knows the resources and prompts that are older than the gate', async () => {
    const server = protect(register(generation, makeServer(generation)))
    const line = await wire(generation, server)
    const read = request('resources/read', { uri: 'note://acme/today' })
    expect((await line.ask(read, 'eve')).error).toEqual(mismatch)
    const get = request('prompts/get', { name: 'ask', arguments: { month: 'may' } }, 2)
    expect((await line.ask(get, 'eve')).error).toEqual(mismatch)
  })

  test('names the item in what the operator hears', async () => {
    const events: DecisionEvent[] = []
    const line = await connect(generation, {
      onEvent: (event) => event.type === 'decision' && events.push(event),
    })
    await line.ask(request('resources/read', { uri: 'note://acme/today' }, 1), 'eve')
    await line.ask(request('resources/read', { uri: 'file:///acme/plan' }, 2), 'eve')
    await line.ask(request('prompts/get', { name: 'ask' }, 3), 'eve')
    await line.ask(request('resources/read', { uri: 'made:up' }, 4), 'eve')
    expect(events.map(({ resource, prompt }) => resource ?? prompt)).toEqual([
      'note://acme/today',
      'files',
      'ask',
      undefined,
    ])
  })

  describe('hideRefused', () => {
    const secrets = [
      request('tools/call', { name: 'pay', arguments: { any: 1 } }),
      request('resources/read', { uri: 'note://acme/today' }),
      request('resources/read', { uri: 'NOTE://acme/today' }),
      request('resources/read', { uri: 'file:///acme/plan' }),
      request('prompts/get', { name: 'ask', arguments: {} }),
      request('completion/complete', { ref: askRef, argument: { name: 'month', value: 'j' } }),
      request('completion/complete', { ref: filesRef, argument: { name: 'org', value: 'ac' } }),
    ]

    test.each(secrets)('answers $method as for what does not exist: $params', async (secret) => {
      const line = await connect(generation, { hideRefused: true })
      const bare = await wire(generation, bareServer(generation))
      const unknown = await bare.ask(secret)
      for (const caller of ['eve', undefined]) {
        line.received.length = 0
        const hidden = await line.ask(secret, caller)
        expect(JSON.stringify(hidden)).toBe(JSON.stringify(unknown))
      }
      expect(JSON.stringify(unknown)).toMatch(/-32602|-32002/)
      expect([ran, completed]).toEqual([[], []])
    })

    test.each([
      request('tools/call', { name: 'purge', arguments: { all: true } }),
      request('tools/call', { name: 'purge', task: {} }),
      request('prompts/get', { name: 'purge' }),
      request('resources/read', { uri: 'note://purge' }),
      request('resources/subscribe', { uri: 'note://purge' }),
      request('completion/complete', {
        ref: { type: 'ref/prompt', name: 'purge' },
        argument: { name: 'x', value: '' },
      }),
    ])('runs no handler that does not look at names: $method', async (refused) => {
      const resources = { subscribe: true }
      const capabilities = { tools: {}, prompts: {}, completions: {}, resources }
      const low = makeServer(generation, { capabilities }).server
      const handled: string[] = []
      low.fallbackRequestHandler = async ({ method }) => {
        handled.push(method)
        return {}
      }
      const rules = (['tool', 'prompt', 'resource'] as const).map((kind) => ({
        kind,
        guard: 'nobody' as const,
      }))
      const { trail, events } = listTrail()
      const line = await wire(generation, protect(low, { rules, hideRefused: true, audit: trail }))
      const answer = JSON.stringify(await line.ask(refused, 'ada'))
      expect(answer).toMatch(/not found/)
      expect(answer).not.toMatch(/denied/i)
      expect(handled).toEqual([])
      expect(events.map(({ type }) => type)).toEqual(['refusal'])
    })

    test('knows no method that nothing handles, for any name', async () => {
      const server = protect(makeServer(generation), { hideRefused: true })
      const note = requireOrg('acme', async (uri: URL) => ({
        contents: [{ uri: uri.href, text: '' }],
      }))
      server.registerResource('note', 'note://acme/today', {}, note)
      const line = await wire(generation, server)
      const answers = []
      for (const uri of ['note://acme/today', 'note://other']) {
        const subscribe = request('resources/subscribe', { uri }, answers.length)
        answers.push((await line.ask(subscribe, 'eve')).error)
      }
      const noMethod = { code: -32_601, message: 'Method not found' }
      expect(answers).toEqual([noMethod, noMethod])
    })

    test('asks nobody for scopes', async () => {
      const server = protect(makeServer(generation), { hideRefused: true })
      const write = requireScope('notes:write', async (_args: object) => reply('written'))
      server.registerTool('write', { inputSchema: nothing }, write)
      const line = await wire(generation, server)
      const answer = JSON.stringify(await line.ask(call(1, 'write'), 'eve'))
      expect(answer).toContain('not found')
      expect(answer).not.toContain('scope')
    })
  })
})

describe('hideRefused over HTTP', () => {
  const month = { name: 'month', value: 'j' }
  const secrets = [
    ['tools/call', { name: 'pay', arguments: { any: 1 } }],
    ['resources/read', { uri: 'note://acme/today' }],
    ['resources/subscribe', { uri: 'note://acme/today' }],
    ['prompts/get', { name: 'ask', arguments: {} }],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'ask' }, argument: month }],
  ] as const

  async function ask(make: () => AnyServer, encoded: ReturnType<typeof modern>): Promise<unknown> {
    const handle = toNodeHandler(createMcpHandler(() => make() as never))
    const running = await host((req, res, body) => handle(req as never, res as never, body))
    const headers = { ...encoded.headers, 'x-caller': 'eve' }
    const { status, headers: got, text } = await post(running.url, encoded.body, headers)
    await running.close()
    return { status, type: got.get('content-type'), text }
  }

  test.each(secrets)(
    'answers %s as for what does not exist, in both eras',
    async (method, params) => {
      const hidden = () => build('v2', { hideRefused: true })
      const bare = () => bareServer('v2')
      for (const encoded of [
        modern(method, params),
        { body: request(method, params), headers: {} },
      ]) {
        const answer = await ask(hidden, encoded)
        expect(answer).toEqual(await ask(bare, encoded))
        expect(JSON.stringify(answer)).toMatch(/-3260[12]|-32002/)
      }
    },
  )
})

/** The same kinds of items, none of them by the names that the tests ask for. */
function bareServer(generation: Generation): AnyServer {
  const server = makeServer(generation, { capabilities: { resources: { subscribe: true } } })
  const completable = generation === 'v1' ? completableV1 : (completableV2 as typeof completableV1)
  const shape = { other: completable(z.string(), () => []) }
  server.registerTool('other', { inputSchema: nothing }, async () => reply(''))
  server.registerResource('other', 'other://', {}, async () => ({ contents: [] }))
  server.registerPrompt(
    'other',
    { argsSchema: generation === 'v1' ? shape : z.object(shape) } as never,
    (async () => ({ messages: [] })) as never,
  )
  return server
}
