import { toOcsf } from '@onbehalf/audit'
import { IdentityError } from '@onbehalf/core'
import { expect, it } from 'vitest'
import { ada, listTrail } from '../support/trail.ts'

const required = ['activity_id', 'actor', 'api', 'category_uid', 'class_uid', 'metadata']
const alsoRequired = ['severity_id', 'src_endpoint', 'time', 'type_uid']

it('writes every kind of event with all that API Activity requires', async () => {
  const { trail, events } = listTrail({ server: { name: 'invoices', version: '1.0.0' } })
  const call = { identity: ada(), method: 'tools/call', guard: 'role' } as const
  const target = { kind: 'tool', name: 'pay' } as const
  const intent = await trail.intent({ ...call, target, arguments: { amount: 1 } })
  await intent.result({ outcome: 'ok' })
  await trail.refusal({
    ...call,
    target,
    error: new IdentityError('SCOPE', { reason: 'scope_missing' }),
  })
  await trail.refusal({
    method: 'HTTP POST',
    error: new IdentityError('TOK', { reason: 'expired' }),
  })
  const written = events.map(toOcsf)
  for (const event of written) {
    expect(Object.keys(event)).toEqual(expect.arrayContaining([...required, ...alsoRequired]))
    expect(event).toMatchObject({ class_uid: 6003, category_uid: 6, type_uid: 600399 })
    expect(JSON.parse(JSON.stringify(event))).toEqual(event)
  }
  expect(written[1]).toMatchObject({
    status_id: 1,
    time: Date.parse(events[1]?.time ?? ''),
    metadata: { uid: events[1]?.id, correlation_uid: intent.id, event_code: 'result' },
    actor: {
      user: { uid: 'ada', type_id: 1, org: { uid: 'acme', name: 'Acme Ltd' } },
      app_uid: 'agents',
      authorizations: [{ decision: 'allow', policy: { name: 'role' } }],
    },
    api: { operation: 'tools/call', service: { name: 'invoices' } },
    src_endpoint: { name: 'gateway-client' },
    resources: [{ name: 'pay', type: 'tool' }],
  })
  expect(written[2]).toMatchObject({
    status_id: 2,
    severity_id: 2,
    status_detail: 'scope_missing',
    api: { response: { error: 'SCOPE' } },
  })
  expect(written[3]?.['actor']).not.toHaveProperty('user')
})

it('calls reading what reads', async () => {
  const { trail, events } = listTrail()
  await trail.intent({ method: 'resources/read' })
  expect(events.map(toOcsf)[0]).toMatchObject({ activity_id: 2, type_uid: 600302 })
})
