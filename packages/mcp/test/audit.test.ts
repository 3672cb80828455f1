import { completable as completableV1 } from '@modelcontextprotocol/sdk/server/completable.js'
import { ResourceTemplate as TemplateV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  completable as completableV2,
  createMcpHandler,
  McpServer as McpServerV2,
  ResourceTemplate as TemplateV2,
} from '@modelcontextprotocol/server'
import type { AuditEvent } from '@onbehalf/audit'
import type { AuditTrail } from '@onbehalf/core'
import { organization } from '@onbehalf/core/guards'
import {
  identityOf,
  protect,
  protectedHandler,
  type Rule,
  requireOrg,
  requireUser,
} from '@onbehalf/mcp'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { listTrail } from './support/audit.ts'
import { authInfoOf, callers, makeIdentity } from './support/callers.ts'
import { runs } from './support/guarded-server.ts'
import { modern, post } from './support/http-host.ts'
import { httpWays, serve } from './support/http-ways.ts'
import { deferred, makeServer, nothing, reply } from './support/make-server.ts'
import { call, cancel, generations, reasonOf, type Wire, wire } from './support/raw.ts'
import { runtimes, v2Entry } from './support/runtimes.ts'
import { registerV2 } from './support/servers.ts'

beforeEach(() => {
  runs.length = 0
})

const january = { month: '2026-01' }

/** An event as far as it says what happened to whom. */
function inShort({ type, principal, organization, method, target, decision, outcome }: AuditEvent) {
  return {
    type,
    subject: principal?.subject,
    organization: organization?.id,
    method,
    target: target && `${target.kind} ${target.name}`,
    ...decision,
    ...(outcome !== undefined && { outcome }),
  }
}

describe.each(runtimes)('$name', ({ start }) => {
  test('records each call before and after it, and each refusal, and nothing else', async () => {
    const { trail, events } = listTrail()
    const running = await start({ options: { audit: trail } })
    const [ada, eve] = [await running.connect('ada'), await running.connect('eve')]
    await ada.listTools()
    await ada.call('acme_only', january)
    await eve.call('acme_only', january)
    await ada.read('file:///acme/plan')
    await eve.read('file:///acme/plan')
    await ada.prompt('ask', { topic: 'tax' })
    await running.close()
    const tool = { method: 'tools/call', target: 'tool acme_only' }
    const file = { method: 'resources/read', target: 'resource file:///acme/plan' }
    const prompt = { method: 'prompts/get', target: 'prompt ask' }
    const allowed = { subject: 'ada', organization: 'acme', effect: 'allow', guard: 'organization' }
    const denied = { subject: 'eve', organization: 'globex', effect: 'deny', guard: 'organization' }
    const byRole = { ...allowed, guard: 'role' }
    expect(events.map(inShort)).toEqual([
      { type: 'intent', ...allowed, ...tool },
      { type: 'result', ...allowed, ...tool, outcome: 'ok' },
      { type: 'refusal', ...denied, ...tool, reason: 'org_mismatch' },
      { type: 'intent', ...allowed, ...file },
      { type: 'result', ...allowed, ...file, outcome: 'ok' },
      { type: 'refusal', ...denied, ...file, reason: 'org_mismatch' },
      { type: 'intent', ...byRole, ...prompt },
      { type: 'result', ...byRole, ...prompt, outcome: 'ok' },
    ])
  })

  test('runs nothing that it cannot record, and says so', async () => {
    const { trail } = listTrail(() => true)
    const running = await start({ options: { audit: trail } })
    const ada = await running.connect('ada')
    const outcome = await ada.call('acme_only', january).catch((error: unknown) => error)
    await running.close()
    expect(runs).toEqual([])
    expect(JSON.stringify(outcome) + String(outcome)).toContain('The call cannot be recorded')
  })
})

const fault = { jsonrpc: '2.0', error: { code: 31_503, message: 'The call cannot be recorded' } }

/** Each way of HTTP with a trail of which a test says what it loses. */
const kinds: { lost?: AuditEvent['type'] } = {}
const kept = listTrail(({ type }) => type === kinds.lost)
const ways = httpWays({ options: { audit: kept.trail } })

describe.each(ways)('$way', ({ way, handle, send }) => {
  beforeEach(() => {
    delete kinds.lost
    kept.events.length = 0
  })

  test('answers 503 where the call cannot be recorded, and runs no handler', async () => {
    kinds.lost = 'intent'
    const url = await serve(handle)
    const refused = await send(url, call(1, 'acme_only', january), 'ada')
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.headers.get('www-authenticate')).toBeNull()
    expect(JSON.parse(refused.text)).toEqual({ ...fault, id: null })
    expect(runs).toEqual([])
    delete kinds.lost
    expect(
      (await send(url, call(2, 'acme_only', january), 'ada')).messages[0]?.result,
    ).toBeDefined()
  })

  test('answers 503 where a refusal cannot be recorded', async () => {
    kinds.lost = 'refusal'
    const url = await serve(handle)
    expect((await send(url, call(1, 'acme_only', january), 'eve')).status).toBe(503)
    expect((await send(url, call(2, 'write_notes'), 'bob')).status).toBe(503)
    expect(runs).toEqual([])
  })

  test('withholds an answer that cannot be recorded', async () => {
    kinds.lost = 'result'
    const { status, text } = await send(await serve(handle), call(1, 'acme_only', january), 'ada')
    expect(runs).toHaveLength(1)
    expect(text).toContain('The call cannot be recorded')
    expect(text).not.toContain('done')
    // A stream has begun by then.
    const streams = ['v1 stateless', 'v1 stateful', 'v2 legacy era', 'v2 legacy era with sessions']
    expect(status).toBe(streams.includes(way) ? 200 : 503)
  })

  test('records a missing scope with the code that answers it', async () => {
    const { status } = await send(await serve(handle), call(1, 'write_notes'), 'bob')
    expect(status).toBe(403)
    expect(kept.events).toMatchObject([
      {
        type: 'refusal',
        decision: { effect: 'deny', guard: 'scope', reason: 'scope_missing', code: 'SCOPE' },
      },
    ])
  })

  test('names the trace of the message, or else that of its HTTP request', async () => {
    const url = await serve(handle)
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const { params, ...message } = call(1, 'acme_only', january)
    const traced = { ...params, _meta: { traceparent } }
    await send(url, { ...message, params: traced }, 'ada')
    const ids = new Set(kept.events.map(({ trace }) => trace?.id))
    expect([...ids]).toEqual(['0af7651916cd43dd8448eb211c80319c'])
  })
})

test('leaves the status of an unknown method of the 2026-07-28 era as it is', async () => {
  const { trail, events } = listTrail()
  const url = await serve(v2Entry({ options: { audit: trail } }))
  const { body, headers } = modern('made/up')
  const { status, messages } = await post(url, body, { ...headers, 'x-caller': 'ada' })
  expect([status, messages[0]?.error?.code]).toEqual([404, -32_601])
  expect(events.map(({ method, outcome }) => [method, outcome])).toEqual([
    ['made/up', undefined],
    ['made/up', 'thrown'],
  ])
})

test('records what the caller answers to the questions of a tool, without what they mark', async () => {
  const { trail, events } = listTrail(() => false, { levels: { default: 'arguments' } })
  const properties = { amount: { type: 'number' }, pin: { type: 'string', writeOnly: true } }
  const elicitation = { message: '?', requestedSchema: { type: 'object', properties } }
  const question = { method: 'elicitation/create', params: elicitation }
  const asked = {
    resultType: 'input_required',
    inputRequests: { pay: question },
    requestState: 's',
  }
  const create = () => {
    const server = new McpServerV2({ name: 'test', version: '1' })
    const inputSchema = z.object({})
    server.registerTool('pay', { inputSchema }, requireUser(() => asked as never) as never)
    return server as never
  }
  const handler = protectedHandler((factory) => createMcpHandler(factory as never), create, {
    authenticator: null,
    audit: trail,
  })
  const _meta = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } } }
  const send = async (subject: string, more: object = {}) => {
    const { body, headers } = modern('tools/call', { name: 'pay', arguments: {}, _meta, ...more })
    const accepted = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    const request = new Request('http://127.0.0.1/mcp', {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { ...headers, ...accepted },
    })
    const answer = await handler.fetch(request, { authInfo: authInfoOf(subject) } as never)
    await answer.text()
  }
  const content = { amount: 5, pin: '1234' }
  const inputResponses = { pay: { action: 'accept', content }, other: { content } }
  await send('ada')
  await send('ada', { inputResponses, requestState: 's' })
  // Another state, another caller, and nothing asked.
  for (const state of ['s', 'other']) {
    await send(state === 's' ? 'eve' : 'ada', { inputResponses, requestState: state })
  }
  const recorded = events.map((event) => event.inputResponses?.value).filter(Boolean)
  const unknown = { pay: '[Redacted]', other: '[Redacted]' }
  expect(recorded).toEqual([
    { pay: { action: 'accept', content: { amount: 5, pin: '[Redacted]' } }, other: '[Redacted]' },
    unknown,
    unknown,
  ])
})

describe.each(['auto', 'sse', 'json'] as const)('with responseMode %s', (responseMode) => {
  const ask = async (trail: AuditTrail) => {
    const handler = protectedHandler(
      (factory) => createMcpHandler(factory as never, { responseMode }),
      () => {
        const server = new McpServerV2({ name: 'test', version: '1' })
        registerV2(server)
        return server as never
      },
      { authenticator: null, audit: trail },
    )
    const { body, headers } = modern('made/up')
    const sent = { method: 'POST', body: JSON.stringify(body) }
    const request = new Request('http://127.0.0.1/mcp', {
      ...sent,
      headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
    })
    return handler.fetch(request, { authInfo: authInfoOf('ada') } as never)
  }

  test('a method that nothing handles has the status of the bare SDK', async () => {
    const { trail, events } = listTrail()
    const answer = await ask(trail)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/json'])
    expect(await answer.json()).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: { code: -32_601, message: 'Method not found' },
    })
    expect(events.map(({ type, outcome }) => outcome ?? type)).toEqual(['intent', 'thrown'])
  })

  test('and its answer is withheld where it cannot be recorded', async () => {
    const answer = await ask(listTrail(({ type }) => type === 'result').trail)
    expect(answer.status).toBe(503)
  })
})

test('tells the trace of an HTTP header', async () => {
  const { trail, events } = listTrail()
  const url = await serve(v2Entry({ options: { audit: trail } }))
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await post(url, call(1, 'acme_only', january), { traceparent, 'x-caller': 'ada' })
  expect(events[0]?.trace).toMatchObject({ id: '0af7651916cd43dd8448eb211c80319c' })
})

const secret = z.string().meta({ 'x-sensitive': true })

describe.each(generations)('%s', (generation) => {
  function guarded(audit: AuditTrail) {
    return protect(makeServer(generation), { audit })
  }

  test('tells an exception of a handler from an error that it answers', async () => {
    const { trail, events } = listTrail()
    const server = guarded(trail)
    server.registerTool(
      'throws',
      { inputSchema: nothing },
      requireUser(() => {
        throw new Error('boom')
      }),
    )
    server.registerTool(
      'errs',
      { inputSchema: nothing },
      requireUser(() => ({ ...reply('no'), isError: true })),
    )
    const line = await wire(generation, server)
    await line.ask(call(1, 'throws'), 'ada')
    await line.ask(call(2, 'errs'), 'ada')
    const outcomes = events.flatMap(({ outcome }) => outcome ?? [])
    expect(outcomes).toEqual(['thrown', 'tool_error'])
    await line.close()
  })

  test('reports handlers without a guard to it, also later ones', async () => {
    const { trail, events } = listTrail()
    const server = guarded(trail)
    const boom = async (): Promise<never> => {
      throw new Error('boom')
    }
    server.registerTool('throws', { inputSchema: nothing }, () => {
      throw new Error('boom')
    })
    server.registerTool('rejects', { inputSchema: nothing }, boom)
    server.registerTool('errs', { inputSchema: nothing }, () => ({ ...reply('no'), isError: true }))
    const works = server.registerTool('works', { inputSchema: nothing }, () => reply('yes'))
    const line = await wire(generation, server)
    const answers = []
    for (const [id, tool] of ['throws', 'rejects', 'errs', 'works'].entries()) {
      answers.push(await line.ask(call(id, tool), 'ada'))
    }
    expect(answers.at(-1)?.result).toMatchObject(reply('yes'))
    works.update({ callback: boom as never })
    await line.ask(call(9, 'works'), 'ada')
    const outcomes = events.flatMap(({ outcome }) => outcome ?? [])
    expect(outcomes).toEqual(['thrown', 'thrown', 'tool_error', 'ok', 'thrown'])
    await line.close()
  })

  describe('a call that nobody waits for', () => {
    const leave = {
      cancels: async (line: Wire) => line.send(cancel(1), 'ada'),
      'closes the connection': (line: Wire) => line.close(),
    }
    type Context = { signal?: AbortSignal; mcpReq?: { signal: AbortSignal } }
    const ends: Record<string, (signal: AbortSignal) => object> = {
      ok: () => reply('wired'),
      tool_error: () => ({ ...reply('no money'), isError: true }),
      thrown: () => {
        throw new Error('bank is down')
      },
      cancelled: (signal) => {
        signal.throwIfAborted()
        return reply('too late')
      },
    }
    const cases = Object.keys(leave).flatMap((how) => Object.keys(ends).map((end) => [how, end]))

    test.each(cases)('is recorded as its handler ends: its caller %s, %s', async (how, end) => {
      const { trail, events } = listTrail(() => false, {
        levels: { default: 'arguments+result' },
      })
      const server = guarded(trail)
      const [began, goesOn] = [deferred(), deferred()]
      server.registerTool(
        'wire_money',
        { inputSchema: nothing },
        requireUser(async (_args: object, ctx: object) => {
          const { signal, mcpReq } = ctx as Context
          began.resolve()
          await goesOn.promise
          return ends[end]!((signal ?? mcpReq?.signal)!) as never
        }),
      )
      const line = await wire(generation, server)
      line.send(call(1, 'wire_money'), 'ada')
      await began.promise
      await leave[how as keyof typeof leave](line)
      await line.settle()
      expect(events.map(({ type }) => type)).toEqual(['intent'])
      goesOn.resolve()
      await vi.waitFor(() => expect(events).toHaveLength(2), 30_000)
      const [intent, result] = events
      expect(result).toMatchObject({ type: 'result', intent: intent?.id, outcome: end })
      expect(end === 'ok' ? result?.result?.value : reply('wired')).toMatchObject(reply('wired'))
    })

    test('is recorded as cancelled if it never reached its handler', async () => {
      const { trail, events } = listTrail()
      const server = guarded(trail)
      const ran: string[] = []
      server.server.fallbackRequestHandler = async ({ method }) => {
        ran.push(method)
        return {}
      }
      const line = await wire(generation, server)
      // The trail still has the intent to record.
      line.send({ ...call(1, 'any'), method: 'acme/any' }, 'ada')
      line.send(cancel(1), 'ada')
      await vi.waitFor(() => expect(events).toHaveLength(2), 30_000)
      expect(events[1]).toMatchObject({ type: 'result', outcome: 'cancelled' })
      expect(ran).toEqual([])
    })

    test('is recorded as cancelled while its handler runs on and on, and again as it ends', async () => {
      const { trail, events } = listTrail()
      const server = guarded(trail)
      const goesOn = deferred()
      // Unguarded, and set where no gate sees what a tool is.
      server.server.fallbackRequestHandler = async () => {
        await goesOn.promise
        return {}
      }
      const line = await wire(generation, server)
      line.send({ ...call(1, 'any'), method: 'acme/any' }, 'ada')
      await vi.waitFor(() => expect(events).toHaveLength(1), 30_000)
      await line.settle()
      line.send(cancel(1), 'ada')
      await vi.waitFor(() => expect(events).toHaveLength(2), 30_000)
      goesOn.resolve()
      await vi.waitFor(() => expect(events).toHaveLength(3), 30_000)
      expect(events.map(({ type, outcome }) => outcome ?? type)).toEqual([
        'intent',
        'cancelled',
        'ok',
      ])
      expect(new Set(events.slice(1).map(({ intent }) => intent))).toEqual(new Set([events[0]?.id]))
    })
  })

  describe('the organization that a guard chooses', () => {
    const acme = { id: 'acme', roles: [] }
    const globex = { id: 'globex', roles: [] }
    const dana = makeIdentity({
      subject: 'dana',
      organization: acme,
      organizations: [acme, globex],
    })
    callers.set('dana', dana)
    const match = { match: (args: { orgId?: string }) => args.orgId }
    const orgId = z.object({ orgId: z.string() })
    const identityHere = (ctx: object) => identityOf(ctx)?.organization?.id
    const act = async (_args: object, ctx: object) => reply(`acted in ${identityHere(ctx)}`)
    const byRule: Rule = { kind: 'tool', guard: organization(match) }

    const cases: [string, object, string, readonly Rule[]][] = [
      ['its own, for dana', requireOrg(match, act as never), 'dana', []],
      ['its own, for one without a current one', requireOrg(match, act as never), 'duo', []],
      ['one within another', requireUser(requireOrg(match, act as never) as never), 'dana', []],
      ['one around another', requireOrg(match, requireUser(act as never) as never), 'dana', []],
      ['a rule’s', requireUser(act as never), 'dana', [byRule]],
      ['a rule’s, of a handler without one', act, 'dana', [byRule]],
      ['a rule’s and its own', requireOrg(match, act as never), 'dana', [byRule]],
    ]

    test.each(cases)(
      'is recorded, and what the handler acts in: %s',
      async (_whose, handler, caller, rules) => {
        const { trail, events } = listTrail()
        const server = protect(makeServer(generation), { audit: trail, rules })
        server.registerTool('delete_ledger', { inputSchema: orgId as never }, handler as never)
        const line = await wire(generation, server)
        const answer = await line.ask(call(1, 'delete_ledger', { orgId: 'globex' }), caller)
        expect(answer.result).toMatchObject(reply('acted in globex'))
        expect(events.map(({ organization: acted }) => acted?.id)).toEqual(['globex', 'globex'])
      },
    )

    test('is recorded for resources, prompts and completions', async () => {
      const { trail, events } = listTrail()
      const server = protect(makeServer(generation), { audit: trail })
      const Template = (generation === 'v1' ? TemplateV1 : TemplateV2) as typeof TemplateV1
      const completable =
        generation === 'v1' ? completableV1 : (completableV2 as typeof completableV1)
      const shape = { orgId: completable(z.string(), () => ['globex']) }
      server.registerResource(
        'ledger',
        new Template('ledger://{orgId}', { list: undefined }),
        {},
        requireOrg(match, async (uri: URL) => ({
          contents: [{ uri: uri.href, text: '' }],
        })) as never,
      )
      server.registerPrompt(
        'ask',
        { argsSchema: generation === 'v1' ? shape : z.object(shape) } as never,
        requireOrg(match, async () => ({ messages: [] })) as never,
      )
      const line = await wire(generation, server)
      const requests = [
        ['resources/read', { uri: 'ledger://globex' }],
        ['prompts/get', { name: 'ask', arguments: { orgId: 'globex' } }],
        [
          'completion/complete',
          {
            ref: { type: 'ref/prompt', name: 'ask' },
            argument: { name: 'orgId', value: 'globex' },
          },
        ],
      ] as const
      for (const [id, [method, params]] of requests.entries()) {
        const answer = await line.ask({ jsonrpc: '2.0', id, method, params }, 'dana')
        expect(answer.error).toBeUndefined()
      }
      const recorded = events.map(({ method, organization: acted }) => [method, acted?.id])
      expect(recorded).toEqual(
        requests.flatMap(([method]) => [
          [method, 'globex'],
          [method, 'globex'],
        ]),
      )
    })

    test('is refused where the arguments name another one once they are validated', async () => {
      const { trail, events } = listTrail()
      const server = guarded(trail)
      const inputSchema = z.object({ orgId: z.string().transform(() => 'acme') })
      server.registerTool(
        'delete_ledger',
        { inputSchema: inputSchema as never },
        requireOrg(match, act as never) as never,
      )
      const line = await wire(generation, server)
      const answer = await line.ask(call(1, 'delete_ledger', { orgId: 'globex' }), 'dana')
      expect(reasonOf(answer)).toBe('org_mismatch')
      expect(events.map(({ type }) => type)).toEqual(['intent', 'refusal', 'result'])
    })
  })

  const parameters = { name: z.string(), pin: secret }
  // SDK v2 makes an object of a bare list itself.
  test.each([
    ['an object', z.object(parameters)],
    ['a list of parameters', parameters],
  ])('redacts what the schema of a tool marks as sensitive: %s', async (_form, inputSchema) => {
    const levels = { default: 'arguments+result' } as const
    const { trail, events } = listTrail(() => false, { levels })
    const server = guarded(trail)
    server.registerTool(
      'pay',
      { inputSchema: inputSchema as never, outputSchema: z.object({ token: secret }) as never },
      requireUser(() => ({ ...reply('paid'), structuredContent: { token: 'tok-1' } })) as never,
    )
    const line = await wire(generation, server)
    const answer = await line.ask(call(1, 'pay', { name: 'x', pin: '1234' }), 'ada')
    expect(answer.result).toMatchObject({ structuredContent: { token: 'tok-1' } })
    expect(events.map(({ arguments: sent, result }) => (sent ?? result)?.value)).toEqual([
      { name: 'x', pin: '[Redacted]' },
      expect.objectContaining({ structuredContent: { token: '[Redacted]' } }),
    ])
    await line.close()
  })

  test('refuses in the handler what the gate let through, and records both', async () => {
    const { trail, events } = listTrail()
    const server = guarded(trail)
    // The gate sees what was sent; the handler's guard sees what the schema made of it.
    const inputSchema = z.object({ orgId: z.string().transform(() => 'globex') })
    server.registerTool(
      'ledger',
      { inputSchema: inputSchema as never },
      requireOrg({ match: (args: { orgId: string }) => args.orgId }, () => reply('leak')) as never,
    )
    const line = await wire(generation, server)
    const answer = await line.ask(call(1, 'ledger', { orgId: 'acme' }), 'ada')
    expect(JSON.stringify(answer)).not.toContain('leak')
    expect(events.map(({ type, decision, outcome }) => [type, decision.reason, outcome])).toEqual([
      ['intent', undefined, undefined],
      ['refusal', 'org_mismatch', undefined],
      ['result', undefined, 'tool_error'],
    ])
    await line.close()
  })

  test('continues in best-effort mode, and tells what is missing', async () => {
    let isFull = true
    const { trail, events } = listTrail(() => isFull, { mode: 'best-effort' })
    const server = guarded(trail)
    server.registerTool(
      'ping',
      { inputSchema: nothing },
      requireUser(() => reply('pong')),
    )
    const line = await wire(generation, server)
    expect((await line.ask(call(1, 'ping'), 'ada')).result).toEqual(reply('pong'))
    await line.settle()
    isFull = false
    await line.ask(call(2, 'ping'), 'ada')
    await line.settle()
    expect(events[0]).toMatchObject({ type: 'intent', dropped: 2 })
    await line.close()
  })
})
