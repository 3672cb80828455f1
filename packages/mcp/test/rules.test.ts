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
      { kind: 'tool', name: '*th', guard: 'public' },
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
    const line = await connect([health, { kind: 'tool', guard }])
    expect(names(await line.ask(list(1), 'bob'))).toContain('list_invoices')
    // Once for the three tools without their own guard, once together with that of `of_acme`.
    expect(asked).toBe(2)
    await line.ask(list(2), 'bob')
    expect(asked).toBe(4)
  })

  test('let the first rule that matches count', async () => {
    const rules: Rule[] = [
      health,
      { kind: 'tool', name: 'update_invoice', guard: 'public' },
      {
        kind: 'tool',
        name: '*_invoice',
        annotations: { destructiveHint: true },
        guard: scope('rare'),
      },
      { kind: 'tool', name: '*_invoice*', guard: user() },
      { kind: 'tool', guard: 'nobody' },
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
      // Only a scope is missing for it.
      'delete_invoice',
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
      'matches nothing because of its annotations',
      [
        health,
        { kind: 'tool', name: 'list_*', annotations: { readOnlyHint: false }, guard: user() },
      ],
      'rule 2 matches no tool: list_*',
    ],
    [
      'asks for annotations that no tool can have together',
      [
        health,
        {
          kind: 'tool',
          annotations: { readOnlyHint: true, destructiveHint: true },
          guard: 'nobody',
        },
      ],
      'rule 2 matches no tool: *',
    ],
    [
      'comes after another that takes each of its items',
      [
        health,
        { kind: 'tool', name: '*_invoice', guard: user() },
        { kind: 'tool', name: 'delete_*', guard: role('operator') },
      ],
      'rule 3 never counts: rule 2 matches everything that it matches',
    ],
    [
      'comes after several that take each of its items',
      [
        { kind: 'tool', name: 'update_*', guard: user() },
        { kind: 'tool', name: 'delete_*', guard: role('operator') },
        { kind: 'tool', name: '*_invoice', guard: 'nobody' },
      ],
      'rule 3 never counts: rules 1 and 2 match everything that it matches',
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

  test.each<[string, readonly Rule[]]>([
    ['every tool', [{ kind: 'tool', guard: user() }, health]],
    [
      'the same, spelt out',
      [
        { kind: 'prompt', guard: user() },
        { kind: 'prompt', name: '*', guard: 'nobody' },
      ],
    ],
    [
      'a longer pattern',
      [
        { kind: 'tool', name: 'a*c', guard: user() },
        { kind: 'tool', name: 'ab*c', guard: 'nobody' },
      ],
    ],
    [
      'the same name',
      [
        { kind: 'method', name: 'x/y', guard: user() },
        { kind: 'method', name: 'x/y', guard: 'nobody' },
      ],
    ],
    [
      'more annotations',
      [
        { kind: 'tool', annotations: { idempotentHint: true }, guard: user() },
        {
          kind: 'tool',
          name: 'a',
          annotations: { idempotentHint: true, openWorldHint: true },
          guard: 'nobody',
        },
      ],
    ],
    [
      'annotations that follow',
      [
        { kind: 'tool', annotations: { destructiveHint: false }, guard: user() },
        { kind: 'tool', annotations: { readOnlyHint: true }, guard: 'nobody' },
      ],
    ],
  ])('throw TypeError for a rule that an earlier one covers: %s', (_what, rules) => {
    const message = 'rule 2 never counts: rule 1 matches everything that it matches'
    expect(() => build(rules)).toThrow(new TypeError(message))
  })

  test.each<[string, readonly Rule[]]>([
    [
      'another kind',
      [
        { kind: 'tool', guard: user() },
        { kind: 'prompt', guard: user() },
      ],
    ],
    [
      'a shorter pattern',
      [
        { kind: 'tool', name: 'ab*', guard: user() },
        { kind: 'tool', name: 'a*', guard: user() },
      ],
    ],
    [
      'an overlap',
      [
        { kind: 'tool', name: 'a*', guard: user() },
        { kind: 'tool', name: '*b', guard: user() },
      ],
    ],
    [
      'fewer annotations',
      [
        { kind: 'tool', annotations: { readOnlyHint: true }, guard: user() },
        { kind: 'tool', annotations: { destructiveHint: false }, guard: user() },
      ],
    ],
  ])('may overlap as long as the later one covers more: %s', (_what, rules) => {
    expect(() => build(rules)).not.toThrow()
  })

  test('guard what is registered later', async () => {
    const server = build([
      { kind: 'tool', name: 'delete_*', guard: role('operator') },
      { kind: 'tool', name: '*_invoices', guard: 'public' },
    ])
    const line = await wire(generation, server)
    server.registerTool('delete_invoices', { inputSchema: nothing }, async () => reply('gone'))
    server.registerTool('print_invoices', { inputSchema: nothing }, async () => reply('printed'))
    expect(reasonOf(await line.ask(call(1, 'delete_invoices'), 'bob'))).toBe('role_missing')
    expect(await line.ask(call(2, 'print_invoices'))).toMatchObject({ result: reply('printed') })
  })

  test.each<[unknown, string]>([
    [{ kind: 'tol', guard: 'public' }, 'rule 1: kind is unknown'],
    [{ kind: 'tool', name: '', guard: 'public' }, 'rule 1: name must be a text'],
    [{ kind: 'tool' }, "rule 1: guard must be a guard, 'public' or 'nobody'"],
    [{ kind: 'tool', guard: 'everybody' }, "rule 1: guard must be a guard, 'public' or 'nobody'"],
    [
      { kind: 'prompt', annotations: { readOnlyHint: true }, guard: 'public' },
      'rule 1: only tools have annotations',
    ],
    [
      { kind: 'tool', annotations: { readOnlyHints: true }, guard: 'public' },
      '"readOnlyHints" is not an option of the annotations of rule 1; did you mean "readOnlyHint"?',
    ],
    [
      { kind: 'tool', annotations: { readOnlyHint: 1 }, guard: 'public' },
      'rule 1: annotation readOnlyHint must be true or false',
    ],
    [
      { kind: 'tool', nane: 'x', guard: 'public' },
      '"nane" is not an option of rule 1; did you mean "name"?',
    ],
    [{ kind: 'tool', name: undefined, guard: 'public' }, 'name must not be undefined'],
    [
      { kind: 'tool', annotations: undefined, guard: 'public' },
      'annotations must not be undefined',
    ],
    [
      { kind: 'tool', annotations: { readOnlyHint: undefined }, guard: 'public' },
      'readOnlyHint must not be undefined',
    ],
    [
      { kind: 'tool', annotations: ['readOnlyHint'], guard: 'public' },
      'the annotations of rule 1: the options must be an object',
    ],
    ['tool', 'rule 1: the options must be an object'],
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
    expect(await explain(makeServer(generation), undefined)).toEqual([])
  })
})

describe('rules of a low-level server', () => {
  test('decide by the names in its requests', async () => {
    const server = protect(
      new ServerV1({ name: 'test', version: '1' }, { capabilities: { tools: {} } }),
      {
        rules: [
          { kind: 'tool', name: 'health', guard: 'public' },
          { kind: 'tool', guard: role('operator') },
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
})
