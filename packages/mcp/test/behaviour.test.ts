import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Outcome } from './support/clients.ts'
import { noteUri, runs } from './support/guarded-server.ts'
import { type Running, runtimes } from './support/runtimes.ts'

const january = { month: '2026-01' }

function denied(reason: string, guard: string, text: string, required: object = {}): Outcome {
  return {
    kind: 'denied',
    text: `Access denied: ${text}`,
    denial: { reason, guard, required },
  } as Outcome
}

const noIdentity = (guard: string) =>
  denied('identity_missing', guard, 'the call carries no verified identity.')
const wrongOrg = denied(
  'org_mismatch',
  'organization',
  'the caller does not act for this organization.',
)
const noOrg = denied('org_missing', 'organization', 'the caller acts for no organization.')
const failedCheck = (guard: string) =>
  denied('check_failed', guard, 'the caller does not meet the conditions of this operation.')

interface Case {
  readonly does: string
  readonly caller?: string
  readonly tool: string
  readonly args?: Record<string, unknown>
  readonly gives: Outcome
}

const text = (value: string): Outcome => ({ kind: 'text', text: value })

const allowed: Case[] = [
  {
    does: 'runs a tool for a member of any organization',
    caller: 'bob',
    tool: 'any_org',
    args: january,
    gives: text('acme 2026-01'),
  },
  {
    does: 'runs a tool for a machine that acts in an organization',
    caller: 'acmeRobot',
    tool: 'any_org',
    args: january,
    gives: text('acme 2026-01'),
  },
  {
    does: 'runs a tool for the named organization',
    caller: 'bob',
    tool: 'acme_only',
    args: january,
    gives: text('done'),
  },
  {
    does: 'singles out the named organization of several',
    caller: 'duo',
    tool: 'acme_only',
    args: january,
    gives: text('done'),
  },
  {
    does: 'runs a tool for a role in the organization',
    caller: 'ada',
    tool: 'acme_controller',
    args: january,
    gives: text('done'),
  },
  {
    does: 'runs a tool whose arguments name the organization of the caller',
    caller: 'eve',
    tool: 'ledger',
    args: { orgId: 'globex' },
    gives: text('globex globex'),
  },
  {
    does: 'makes the organization that matched the current one',
    caller: 'duo',
    tool: 'ledger',
    args: { orgId: 'globex' },
    gives: text('globex globex'),
  },
  { does: 'runs a tool for a person', caller: 'nobody', tool: 'person', gives: text('done') },
  { does: 'runs a tool for a role', caller: 'eve', tool: 'operator', gives: text('done') },
  {
    does: 'accepts a scope that implies the required one',
    caller: 'ada',
    tool: 'read_notes',
    gives: text('done'),
  },
  {
    does: 'runs a tool when every guard allows',
    caller: 'ada',
    tool: 'person_and_scope',
    gives: text('done'),
  },
  {
    does: 'runs a tool when one of several guards allows',
    caller: 'bob',
    tool: 'role_or_scope',
    gives: text('done'),
  },
  {
    does: 'runs a tool behind two wrappers when both allow',
    caller: 'ada',
    tool: 'nested',
    gives: text('done'),
  },
  {
    does: 'waits for a guard that decides later',
    caller: 'ada',
    tool: 'slowly',
    args: january,
    gives: text('done'),
  },
  {
    does: 'waits for a guard that looks at the arguments',
    caller: 'bob',
    tool: 'late_arguments',
    args: january,
    gives: text('done'),
  },
  {
    does: 'runs a public tool without an identity',
    tool: 'health',
    args: january,
    gives: text('hello stranger'),
  },
  {
    does: 'tells a public tool who calls',
    caller: 'eve',
    tool: 'health',
    args: january,
    gives: text('hello eve'),
  },
  {
    does: 'tells a public tool nothing of an identity that expired',
    caller: 'late',
    tool: 'health',
    args: january,
    gives: text('hello stranger'),
  },
  {
    does: 'runs a tool without a guard for any identity',
    caller: 'robot',
    tool: 'plain',
    args: january,
    gives: text('done'),
  },
  {
    does: 'knows the caller deep below a handler',
    caller: 'eve',
    tool: 'deep',
    gives: text('eve'),
  },
]

const refused: Case[] = [
  {
    does: 'refuses a caller without an identity',
    tool: 'any_org',
    args: january,
    gives: noIdentity('organization'),
  },
  {
    does: 'refuses a copied AuthInfo',
    caller: 'copy-of-ada',
    tool: 'any_org',
    args: january,
    gives: noIdentity('organization'),
  },
  {
    does: 'refuses an identity that expired',
    caller: 'late',
    tool: 'any_org',
    args: january,
    gives: denied('identity_expired', 'organization', 'the identity behind the call has expired.'),
  },
  {
    does: 'refuses a machine without an organization',
    caller: 'robot',
    tool: 'any_org',
    args: january,
    gives: noOrg,
  },
  {
    does: 'refuses a caller with several organizations and none selected',
    caller: 'duo',
    tool: 'any_org',
    args: january,
    gives: denied(
      'org_ambiguous',
      'organization',
      'the caller has several organizations and none is selected.',
    ),
  },
  {
    does: 'refuses another organization, without naming the right one',
    caller: 'eve',
    tool: 'acme_only',
    args: january,
    gives: wrongOrg,
  },
  {
    does: 'refuses a role that is held in another organization',
    caller: 'eve',
    tool: 'acme_controller',
    args: january,
    gives: denied(
      'org_mismatch',
      'organization',
      'the caller does not act for this organization.',
      { roles: ['controller'] },
    ),
  },
  {
    does: 'refuses a missing role in the organization',
    caller: 'bob',
    tool: 'acme_controller',
    args: january,
    gives: denied(
      'org_role_missing',
      'organization',
      'the caller lacks a required role in the organization.',
      { roles: ['controller'] },
    ),
  },
  {
    does: 'refuses arguments that name another organization',
    caller: 'eve',
    tool: 'ledger',
    args: { orgId: 'acme' },
    gives: wrongOrg,
  },
  {
    does: 'refuses arguments that name none',
    caller: 'eve',
    tool: 'ledger',
    args: {},
    gives: wrongOrg,
  },
  {
    does: 'refuses a call without arguments where they decide',
    caller: 'eve',
    tool: 'ledger',
    gives: wrongOrg,
  },
  {
    does: 'refuses arguments that name several organizations',
    caller: 'eve',
    tool: 'ledger',
    args: { orgId: ['globex'] },
    gives: wrongOrg,
  },
  {
    does: 'refuses a machine where a person is required',
    caller: 'acmeRobot',
    tool: 'person',
    gives: denied('user_required', 'user', 'the call has no user.'),
  },
  {
    does: 'refuses a missing role',
    caller: 'bob',
    tool: 'operator',
    gives: denied('role_missing', 'role', 'the caller lacks a required role.', {
      roles: ['operator'],
    }),
  },
  {
    does: 'refuses finally what consent cannot repair',
    caller: 'acmeRobot',
    tool: 'person_and_scope',
    gives: denied('user_required', 'user', 'the call has no user.'),
  },
  {
    does: 'refuses when the inner of two wrappers denies',
    caller: 'bob',
    tool: 'nested',
    gives: denied('role_missing', 'role', 'the caller lacks a required role.', {
      roles: ['operator'],
    }),
  },
  {
    does: 'refuses when a guard throws, and does not say what',
    caller: 'ada',
    tool: 'explode',
    gives: denied('guard_error', 'explode', 'the authorization rule could not be evaluated.'),
  },
  {
    does: 'refuses when a guard that decides later denies',
    caller: 'bob',
    tool: 'slowly',
    args: january,
    gives: failedCheck('slowly'),
  },
  {
    does: 'refuses by the arguments when a guard decides later',
    caller: 'bob',
    tool: 'late_arguments',
    args: { month: '2025-12' },
    gives: failedCheck('late-arguments'),
  },
  {
    does: 'refuses a tool without a guard to a caller without an identity',
    tool: 'plain',
    args: january,
    gives: noIdentity('identity'),
  },
  {
    does: 'refuses an unknown tool to a caller without an identity',
    tool: 'unheard_of',
    gives: noIdentity('identity'),
  },
  {
    does: 'says nothing of a schema to a caller of another organization',
    caller: 'eve',
    tool: 'acme_only',
    args: { month: 12 },
    gives: wrongOrg,
  },
  {
    does: 'says nothing of a schema to a caller without an identity',
    tool: 'plain',
    args: { month: 12 },
    gives: noIdentity('identity'),
  },
  {
    does: 'says nothing of a schema while a guard decides later',
    caller: 'bob',
    tool: 'slowly',
    args: { month: 12 },
    gives: failedCheck('slowly'),
  },
]

describe.each(runtimes)('$name', ({ start, isHttp, generation }) => {
  let server: Running

  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.close())
  beforeEach(() => {
    runs.length = 0
  })

  test.each(allowed)('$does', async ({ caller, tool, args, gives }) => {
    const client = await server.connect(caller)
    // Older SDKs have no default for arguments that are left out.
    expect(await client.call(tool, args ?? {})).toEqual(gives)
    expect(runs.map((run) => run.name)).toEqual([tool])
    expect(runs[0]?.subject).toBe(
      caller === 'late' ? undefined : caller === 'acmeRobot' ? 'acme-robot' : caller,
    )
  })

  test.each(refused)('$does', async ({ caller, tool, args, gives }) => {
    const client = await server.connect(caller)
    expect(await client.call(tool, args)).toEqual(gives)
    expect(runs).toEqual([])
  })

  test('shows the schema to a caller with rights whose arguments are wrong', async () => {
    const client = await server.connect('bob')
    const outcome = await client.call('acme_only', { month: 12 })
    expect(outcome).toMatchObject({
      kind: 'failed',
      text: expect.stringContaining('Input validation'),
    })
    expect(runs).toEqual([])
  })

  test('answers a missing scope so that consent can fix it', async () => {
    const client = await server.connect('bob')
    const outcome = await client.call('write_notes')
    const denial = denied('scope_missing', 'scope', 'the access token lacks a required scope.', {
      scopes: ['notes:write', 'notes:read'],
    })
    expect(outcome).toEqual(isHttp ? { kind: 'challenged' } : denial)
    expect(runs).toEqual([])
  })

  test('answers an unknown tool as the SDK does to a caller with an identity', async () => {
    const client = await server.connect('robot')
    const outcome = await client.call('unheard_of')
    const message = 'Tool unheard_of not found'
    expect(outcome).toMatchObject(
      generation === 'v1'
        ? { kind: 'failed', text: `MCP error -32602: ${message}` }
        : { kind: 'error', code: -32_602, message },
    )
  })

  test.each(['constructor', '__proto__', 'toString', ''])(
    'runs nothing for the tool name "%s"',
    async (name) => {
      const client = await server.connect('ada')
      const outcome = await client.call(name)
      expect(['failed', 'error']).toContain(outcome.kind)
      expect(runs).toEqual([])
    },
  )

  test('lists the tools that the guards of a caller do not rule out', async () => {
    const list = async (caller?: string) => (await server.connect(caller)).listTools()
    expect(await list()).toEqual(['health'])
    expect(await list('copy-of-ada')).toEqual(['health'])
    expect(await list('late')).toEqual(['health'])
    // A scope is all that is missing for some: clients ask for it when they call.
    const forScopes = ['read_notes', 'role_or_scope', 'write_notes']
    const robots = ['deep', 'health', 'late_arguments', 'plain']
    expect(await list('robot')).toEqual([...robots, ...forScopes].toSorted())
    expect(await list('eve')).toEqual([
      'any_org',
      'deep',
      'health',
      'late_arguments',
      'ledger',
      'nested',
      'operator',
      'person',
      'person_and_scope',
      'plain',
      ...forScopes,
    ])
    expect(await list('bob')).toEqual([
      'acme_only',
      'any_org',
      'deep',
      'health',
      'late_arguments',
      'ledger',
      'person',
      'person_and_scope',
      'plain',
      ...forScopes,
    ])
    expect(await list('ada')).toEqual([
      'acme_controller',
      'acme_only',
      'any_org',
      'deep',
      'health',
      'late_arguments',
      'ledger',
      'nested',
      'operator',
      'person',
      'person_and_scope',
      'plain',
      'read_notes',
      'role_or_scope',
      'slowly',
      'write_notes',
    ])
  })

  test('lists prompts and resources to callers whom their guards let in', async () => {
    const shown = async (caller: string) => (await server.connect(caller)).listAll()
    const files = ['files']
    expect(await shown('ada')).toEqual({ prompts: ['ask'], resources: ['note'], templates: files })
    expect(await shown('bob')).toEqual({ prompts: [], resources: ['note'], templates: files })
    expect(await shown('eve')).toEqual({ prompts: ['ask'], resources: [], templates: files })
    expect(await shown('robot')).toEqual({ prompts: [], resources: [], templates: [] })
    for (const caller of [undefined, 'late', 'copy-of-ada']) {
      const unknown = await server.connect(caller)
      expect(await unknown.listAll()).toEqual({ prompts: [], resources: [], templates: [] })
    }
  })

  const denial = (code: number, reason: string, guard: string, message: string, required = {}) => ({
    kind: 'error',
    code,
    message: `Access denied: ${message}`,
    data: { reason, guard, required },
  })

  test('guards a resource', async () => {
    const bob = await server.connect('bob')
    expect(await bob.read(noteUri)).toEqual(text('note of acme'))
    runs.length = 0
    const eve = await server.connect('eve')
    expect(await eve.read(noteUri)).toEqual(
      denial(
        31_403,
        'org_mismatch',
        'organization',
        'the caller does not act for this organization.',
      ),
    )
    const stranger = await server.connect()
    expect(await stranger.read(noteUri)).toEqual(
      denial(31_401, 'identity_missing', 'organization', 'the call carries no verified identity.'),
    )
    expect(runs).toEqual([])
  })

  test('guards a resource template by its variables', async () => {
    const duo = await server.connect('duo')
    expect(await duo.read('file:///globex/plan')).toEqual(text('plan of globex'))
    runs.length = 0
    const eve = await server.connect('eve')
    expect(await eve.read('file:///acme/plan')).toEqual(
      denial(
        31_403,
        'org_mismatch',
        'organization',
        'the caller does not act for this organization.',
      ),
    )
    // The SDKs compare normalized URIs: another spelling is the same resource.
    expect(await eve.read('FILE:///globex/../acme/plan')).toMatchObject({ code: 31_403 })
    expect(runs).toEqual([])
  })

  test('guards a prompt', async () => {
    const ada = await server.connect('ada')
    expect(await ada.prompt('ask', { topic: 'tax' })).toEqual(text('tax for ada'))
    runs.length = 0
    const bob = await server.connect('bob')
    expect(await bob.prompt('ask', { topic: 'tax' })).toEqual(
      denial(31_403, 'role_missing', 'role', 'the caller lacks a required role.', {
        roles: ['operator'],
      }),
    )
    const stranger = await server.connect()
    expect(await stranger.prompt('ask', { topic: 'tax' })).toMatchObject({ code: 31_401 })
    expect(runs).toEqual([])
  })
})
