import { type AuditEvent, type OcsfApiActivity, toOcsf } from '@onbehalf/audit'
import { IdentityError } from '@onbehalf/core'
import { expect, it } from 'vitest'
import { ada, listTrail } from '../support/trail.ts'
import { apiActivitySchema } from './api-activity-schema.ts'

const call = {
  identity: ada(),
  method: 'tools/call',
  target: { kind: 'tool', name: 'pay' },
  guard: 'role',
  arguments: { amount: 1 },
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
} as const

function recorder(): ReturnType<typeof listTrail> {
  const server = { name: 'invoices', version: '1.0.0' }
  return listTrail({ server, levels: { default: 'arguments+result' } })
}

/** The event as OCSF, found to be what the schema asks for, after its way through JSON. */
function written(event: AuditEvent | undefined): OcsfApiActivity {
  if (event === undefined) throw new Error('no event was recorded')
  const activity = toOcsf(event)
  expect(JSON.parse(JSON.stringify(activity))).toEqual(activity)
  return apiActivitySchema.parse(activity)
}

it('says who did what, through whom, and who allowed it', async () => {
  const { trail, events } = recorder()
  const intent = await trail.intent(call)
  await intent.result({ outcome: 'ok', value: { content: [] } })
  const [, event] = events
  expect(written(event)).toEqual({
    activity_id: 99,
    activity_name: 'tools/call',
    category_uid: 6,
    class_uid: 6003,
    type_uid: 600399,
    time: Date.parse(event?.time ?? ''),
    duration: Math.round(event?.durationMs ?? -1),
    severity_id: 1,
    status_id: 1,
    status: 'Success',
    status_detail: 'ok',
    metadata: {
      version: '1.7.0',
      product: { name: 'invoices', version: '1.0.0', vendor_name: 'Onbehalf' },
      uid: event?.id,
      event_code: 'result',
      correlation_uid: intent.id,
      profiles: ['trace'],
    },
    actor: {
      user: { uid: 'ada', type_id: 1, org: { uid: 'acme', name: 'Acme Ltd' } },
      idp: { uid: 'https://people.example.com' },
      app_uid: 'agents',
      authorizations: [{ decision: 'allow', policy: { name: 'role' } }],
    },
    api: {
      operation: 'tools/call',
      service: { name: 'invoices', version: '1.0.0' },
      request: { uid: event?.id },
    },
    src_endpoint: { name: 'gateway-client' },
    resources: [{ name: 'pay', type: 'tool' }],
    trace: { uid: '4bf92f3577b34da6a3ce929d0e0e4736' },
    unmapped: {
      actor: { subject: 'agent-1', actor: { subject: 'agent-0' } },
      gateway: { issuer: 'https://gateway.example.com', client: 'gateway-client' },
      source: 'forwarded',
      credential: { jti: 'token-1' },
      result: event?.result,
      trace: event?.trace,
    },
  })
})

it('leaves out nothing that an event holds', async () => {
  const { trail, events } = recorder()
  const intent = await trail.intent(call)
  await intent.result({ outcome: 'tool_error', value: { content: ['too much'] } })
  await trail.refusal({ ...call, error: new IdentityError('SCOPE', { reason: 'scope_missing' }) })
  expect(events).toHaveLength(3)
  for (const event of events.map((made) => ({ ...made, dropped: 4_711 }))) {
    // The one is written in milliseconds since 1970, the other in whole milliseconds.
    const { time: _, durationMs: __, ...rest } = event
    const text = JSON.stringify(written(event))
    for (const leaf of leaves(rest)) expect(text).toContain(JSON.stringify(leaf))
  }
})

function leaves(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null
    ? Object.values(value).flatMap(leaves)
    : [value]
}

it.each([
  ['ok', { status_id: 1, status: 'Success' }],
  ['tool_error', { status_id: 2, api: { response: { error: 'tool_error' } } }],
  ['thrown', { status_id: 2, api: { response: { error: 'thrown' } } }],
  ['cancelled', { status_id: 2, api: { response: { error: 'cancelled' } } }],
] as const)('says how a call ended: %s', async (outcome, expected) => {
  const { trail, events } = recorder()
  await (await trail.intent(call)).result({ outcome })
  expect(written(events[0])).toMatchObject({ status_id: 0, metadata: { event_code: 'intent' } })
  expect(written(events[1])).toMatchObject({ ...expected, severity_id: 1, status_detail: outcome })
})

it('says why a call was refused', async () => {
  const { trail, events } = recorder()
  const error = new IdentityError('SCOPE', { reason: 'scope_missing' })
  await trail.refusal({ ...call, error })
  expect(written(events[0])).toMatchObject({
    status_id: 2,
    severity_id: 2,
    status_detail: 'scope_missing',
    actor: { authorizations: [{ decision: 'deny', policy: { name: 'role' } }] },
    api: { response: { error: 'SCOPE' } },
  })
})

it.each([
  ['a bidirectional override', '\u202e', '\\u{202E}'],
  ['a zero-width space', '\u200b', '\\u{200B}'],
  ['a tag', '\u{e0041}', '\\u{E0041}'],
  ['a terminal control', '\u009b', '\\u{9B}'],
  ['what looks like an escape already', '\\u{', '\\u{5C}u{'],
])('shows %s in every name and text', async (_what, hidden, shown) => {
  const { trail, events } = listTrail({
    server: { name: `in${hidden}voices`, version: `1${hidden}` },
    levels: { default: 'arguments+result' },
  })
  const organization = { id: `ac${hidden}me`, name: `Ac${hidden}me`, roles: [] }
  const identity = ada({ subject: `ad${hidden}a`, client: `agen${hidden}ts`, organization })
  const nested = { [`na${hidden}me`]: [{ deep: `va${hidden}lue` }] }
  const intent = await trail.intent({
    ...call,
    identity,
    target: { kind: 'tool', name: `pa${hidden}y` },
    arguments: nested,
  })
  await intent.result({ outcome: 'ok', value: { content: [nested] } })
  for (const event of events) {
    const text = JSON.stringify(written(event))
    // In JSON, each backslash is two.
    const seen = text.split(JSON.stringify(shown).slice(1, -1))
    expect(seen.join('')).not.toContain(JSON.stringify(hidden).slice(1, -1))
    expect(seen.length).toBeGreaterThan(9)
  }
  expect(written(events[0])).toMatchObject({
    unmapped: { arguments: { value: { [`na${shown}me`]: [{ deep: `va${shown}lue` }] } } },
  })
  expect(written(events[1])).toMatchObject({
    actor: { user: { uid: `ad${shown}a`, org: { uid: `ac${shown}me`, name: `Ac${shown}me` } } },
    resources: [{ name: `pa${shown}y` }],
    unmapped: {
      result: { value: { content: [{ [`na${shown}me`]: [{ deep: `va${shown}lue` }] }] } },
    },
  })
})

it('names someone where nobody is known', async () => {
  const { trail, events } = listTrail()
  const error = new IdentityError('TOK', { reason: 'expired' })
  await trail.refusal({ method: 'HTTP POST', error })
  await trail.refusal({ method: 'tools/call', reason: 'identity_missing' })
  for (const event of events) {
    expect(written(event)).toMatchObject({
      actor: { app_name: 'unknown' },
      src_endpoint: { name: 'unknown' },
      metadata: { product: { name: 'MCP server' } },
    })
    expect(written(event)).not.toHaveProperty('actor.user')
  }
})

it('does not call a service a person', async () => {
  const { trail, events } = recorder()
  await trail.intent({ ...call, identity: ada({ kind: 'service', subject: 'batch' }) })
  expect(written(events[0])).toMatchObject({ actor: { user: { uid: 'batch', type_id: 4 } } })
})

it.each(['resources/read', 'prompts/get', 'tools/list', 'resources/templates/list'])(
  'calls %s reading',
  async (method) => {
    const { trail, events } = listTrail()
    await trail.intent({ method })
    expect(written(events[0])).toMatchObject({ activity_id: 2, type_uid: 600302 })
  },
)
