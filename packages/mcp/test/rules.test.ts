import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js'
import { CallToolRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { check, role, scope, user } from '@onbehalf/core/guards'
import { allowPublic, explain, protect, type Rule, requireOrg } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { callers } from './support/callers.ts'
import { type AnyServer, makeServer, nothing, reply } from './support/make-server.ts'
import {
  call,
  generations,
  linkedPair,
  list,
  names,
  reasonOf,
  type Wire,
  wire,
} from './support/raw.ts'

describe.each(generations)('rules of a %s server', (generation) => {
  function build(rules: readonly Rule[]): AnyServer {
    const server = protect(makeServer(generation), { rules })
    const tool = (name: string, annotations: object, handler: unknown = async () => reply(name)) =>
      server.registerTool(name, { inputSchema: nothing, annotations }, handler as never)
    tool('list_invoices', { readOnlyHint: true })
    tool('delete_invoice', {})
    tool('update_invoice', { destructiveHint: false })
    tool(
      'of_acme',
      {},
      requireOrg('acme', async (_args: object) => reply('of_acme')),
    )
    tool(
      'health',
      { readOnlyHint: true },
      allowPublic(async (_args: object) => reply('health')),
    )
    server.registerResource('policy', 'docs://policy', {}, async () => ({ contents: [] }))
    server.registerPrompt('ask', {}, (async () => ({ messages: [] })) as never)
    return server
  }

  const connect = (rules: readonly Rule[]): Promise<Wire> => wire(generation, build(rules))

  async function outcomes(rules: readonly Rule[], caller?: string): Promise<string[]> {
    const line = await connect(rules)
    const tools = ['list_invoices', 'delete_invoice', 'update_invoice', 'of_acme', 'health']
    const answers = await Promise.all(tools.map((name) => line.ask(call(name, name), caller)))
    return answers.map((answer) => reasonOf(answer) ?? 'ok')
  }

  const health: Rule = { kind: 'tool', name: 'health', guard: 'public' }

  test('guard tools by their annotations, and take a silent tool for a destructive one', async () => {
    const rules: Rule[] = [
      { kind: 'tool', annotations: { destructiveHint: true }, guard: role('operator') },
      health,
    ]
    expect(await outcomes(rules, 'bob')).toEqual(['ok', 'role_missing', 'ok', 'role_missing', 'ok'])
    expect(await outcomes(rules, 'ada')).toEqual(['ok', 'ok', 'ok', 'ok', 'ok'])
  })

  test('are asked once for a list, however many tools they are for', async () => {
    let asked = 0
    const guard = check('counted', async () => {
      asked += 1
      return true
    })
    const line = await connect([{ kind: 'tool', guard }, health])
    expect(names(await line.ask(list(1), 'bob'))).toContain('list_invoices')
    // Once for the three tools without a guard of their own, once together with that of `of_acme`.
    expect(asked).toBe(2)
    await line.ask(list(2), 'bob')
    expect(asked).toBe(4)
  })

  test('let the most specific rule count', async () => {
    const rules: Rule[] = [
      { kind: 'tool', guard: 'nobody' },
      { kind: 'tool', name: '*_invoice*', guard: user() },
      { kind: 'tool', name: '*_invoice', guard: role('operator') },
      {
        kind: 'tool',
        name: '*_invoice',
        annotations: { destructiveHint: true },
        guard: scope('rare'),
      },
      { kind: 'tool', name: 'update_invoice', guard: 'public' },
      health,
    ]
    expect(await outcomes(rules, 'bob')).toEqual([
      'ok',
      'scope_missing',
      'ok',
      'check_failed',
      'ok',
    ])
    expect(await outcomes(rules)).toEqual([
      'identity_missing',
      'identity_missing',
      'ok',
      'identity_missing',
      'ok',
    ])
    expect(names(await (await connect(rules)).ask(list(1), 'bob'))).toEqual([
      'health',
      'list_invoices',
      'update_invoice',
    ])
  })

  test('tighten what a handler asks, and never loosen it', async () => {
    const both: Rule[] = [{ kind: 'tool', name: 'of_*', guard: role('operator') }]
    expect((await outcomes(both, 'bob'))[3]).toBe('role_missing')
    expect((await outcomes(both, 'eve'))[3]).toBe('org_mismatch')
    expect((await outcomes(both, 'ada'))[3]).toBe('ok')
    const open: Rule[] = [{ kind: 'tool', name: 'of_*', guard: 'public' }]
    expect((await outcomes(open, 'eve'))[3]).toBe('org_mismatch')
  })

  test('guard resources, prompts and methods', async () => {
    const line = await connect([
      { kind: 'resource', name: 'docs://*', guard: role('operator') },
      { kind: 'prompt', guard: 'nobody' },
      { kind: 'method', name: 'com.example/*', guard: role('operator') },
    ])
    const reason = async (id: number, method: string, params: object) =>
      (await line.ask({ jsonrpc: '2.0', id, method, params }, 'bob')).error?.data
    expect(await reason(1, 'resources/read', { uri: 'docs://policy' })).toMatchObject({
      reason: 'role_missing',
    })
    expect(await reason(2, 'prompts/get', { name: 'ask' })).toMatchObject({
      reason: 'check_failed',
    })
    expect(await reason(3, 'com.example/own', {})).toMatchObject({ reason: 'role_missing' })
    expect(await reason(4, 'org.example/other', {})).toBeUndefined()
  })

  test.each<[string, readonly Rule[], string]>([
    [
      'matches nothing',
      [{ kind: 'tool', name: 'lst_*', guard: user() }],
      'rule 1 matches no tool: lst_*',
    ],
    [
      'is as specific as another',
      [
        health,
        { kind: 'tool', name: 'delete_*', guard: user() },
        { kind: 'tool', name: '*_invoice', guard: role('operator') },
      ],
      'rules 2 and 3 match tool delete_invoice, and none of them is the most specific',
    ],
    [
      'is given twice',
      [
        { kind: 'prompt', guard: user() },
        { kind: 'prompt', name: '*', guard: 'nobody' },
      ],
      'rules 1 and 2 match prompt ask, and none of them is the most specific',
    ],
    [
      'guards what is public',
      [{ kind: 'tool', guard: user() }],
      'rule 1 guards tool health, which its handler declares public',
    ],
  ])('fail the connection when one %s', async (_what, rules, message) => {
    const [, far] = linkedPair(generation)
    await expect(build(rules).connect(far as never)).rejects.toThrow(new TypeError(message))
  })

  test('refuse what is registered later and falls under two of them', async () => {
    const server = build([
      { kind: 'tool', name: 'delete_*', guard: 'public' },
      { kind: 'tool', name: '*_invoices', guard: 'public' },
    ])
    const line = await wire(generation, server)
    server.registerTool('delete_invoices', { inputSchema: nothing }, async () => reply('gone'))
    expect(reasonOf(await line.ask(call(1, 'delete_invoice')))).toBeUndefined()
    expect(reasonOf(await line.ask(call(2, 'delete_invoices'), 'ada'))).toBe('guard_error')
  })

  test.each<[object, string]>([
    [{ kind: 'tol', guard: 'public' }, 'rule 1: kind is unknown'],
    [{ kind: 'tool', name: '', guard: 'public' }, 'rule 1: name must be a text'],
    [{ kind: 'tool' }, "rule 1: guard must be a guard, 'public' or 'nobody'"],
    [{ kind: 'tool', guard: 'everybody' }, "rule 1: guard must be a guard, 'public' or 'nobody'"],
    [
      { kind: 'prompt', annotations: { readOnlyHint: true }, guard: 'public' },
      'rule 1: only tools have annotations',
    ],
    [
      { kind: 'tool', annotations: { readonly: true }, guard: 'public' },
      'rule 1: annotation readonly is unknown',
    ],
    [
      { kind: 'tool', annotations: { readOnlyHint: 1 }, guard: 'public' },
      'rule 1: annotation readOnlyHint must be true or false',
    ],
    [
      { kind: 'method', name: 'tools/list', guard: 'nobody' },
      'rule 1: tools/list is open to anyone',
    ],
  ])('throw TypeError for %j', (rule, message) => {
    expect(() => build([rule as Rule])).toThrow(new TypeError(message))
  })

  test('are explained for an identity', async () => {
    const server = build([
      { kind: 'tool', annotations: { destructiveHint: true }, guard: role('operator') },
      health,
    ])
    server.registerTool(
      'ledger',
      { inputSchema: nothing, annotations: { readOnlyHint: true } },
      requireOrg({ match: (args: { org?: string }) => args.org ?? '' }, async (_args: object) =>
        reply(''),
      ) as never,
    )
    expect(await explain(server, callers.get('bob'))).toEqual([
      { kind: 'tool', name: 'list_invoices', verdict: 'allowed', guard: 'identity' },
      {
        kind: 'tool',
        name: 'delete_invoice',
        verdict: 'denied',
        guard: 'role',
        reason: 'role_missing',
        rule: 1,
      },
      { kind: 'tool', name: 'update_invoice', verdict: 'allowed', guard: 'identity' },
      {
        kind: 'tool',
        name: 'of_acme',
        verdict: 'denied',
        guard: 'role',
        reason: 'role_missing',
        rule: 1,
      },
      { kind: 'tool', name: 'health', verdict: 'allowed', guard: 'public', rule: 2 },
      { kind: 'tool', name: 'ledger', verdict: 'depends', guard: 'organization' },
      { kind: 'resource', name: 'docs://policy', verdict: 'allowed', guard: 'identity' },
      { kind: 'prompt', name: 'ask', verdict: 'allowed', guard: 'identity' },
    ])
    const open = (await explain(server, undefined)).filter(({ verdict }) => verdict === 'allowed')
    expect(open.map(({ name }) => name)).toEqual(['health'])
    await expect(explain(makeServer(generation), undefined)).rejects.toThrow(
      'the server is not protected',
    )
  })
})

describe('rules of a low-level server', () => {
  test('decide by the names in its requests', async () => {
    const server = protect(
      new ServerV1({ name: 'test', version: '1' }, { capabilities: { tools: {} } }),
      {
        rules: [
          { kind: 'tool', guard: role('operator') },
          { kind: 'tool', name: 'health', guard: 'public' },
        ],
      },
    )
    server.setRequestHandler(CallToolRequestSchema, async ({ params }) => reply(params.name))
    const line = await wire('v1', server)
    expect(await line.ask(call(1, 'health'))).toMatchObject({ result: reply('health') })
    expect(reasonOf(await line.ask(call(2, 'close_books')))).toBe('identity_missing')
    expect(reasonOf(await line.ask(call(3, 'close_books'), 'bob'))).toBe('role_missing')
    expect(await line.ask(call(4, 'close_books'), 'ada')).toMatchObject({
      result: reply('close_books'),
    })
  })

  test('refuse a call that two rules decide alike', async () => {
    const rules: Rule[] = [
      { kind: 'tool', name: 'a*', guard: 'public' },
      { kind: 'tool', name: '*b', guard: 'public' },
    ]
    const server = protect(
      new ServerV1({ name: 'test', version: '1' }, { capabilities: { tools: {} } }),
      { rules },
    )
    server.setRequestHandler(CallToolRequestSchema, async () => reply(''))
    const line = await wire('v1', server)
    expect(reasonOf(await line.ask(call(1, 'ab'), 'ada'))).toBe('guard_error')
  })
})
