import { createHmac } from 'node:crypto'
import { type AuditEvent, createAuditTrail } from '@onbehalf/audit'
import { IdentityError, type IdentityErrorCode } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { canonicalize } from '../../src/canonical/canonicalize.ts'
import { ada, key, listTrail } from '../support/trail.ts'

const call = {
  method: 'tools/call',
  target: { kind: 'tool', name: 'list_invoices' },
  arguments: { month: '2026-11', card: { number: '4111' } },
  guard: 'organization',
} as const
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'

describe('an audit trail', () => {
  it('records who called what through which gateway, and how it ended', async () => {
    const { trail, events } = listTrail({
      server: { name: 'invoices', version: '1.0.0' },
      clock: () => 1_800_000_000.25,
    })
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
    const intent = await trail.intent({ ...call, identity: ada(), traceparent })
    await intent.result({ outcome: 'ok', value: { content: [] } })
    const common = {
      time: '2027-01-15T08:00:00.250Z',
      principal: { issuer: 'https://people.example.com', subject: 'ada', kind: 'user' },
      organization: { id: 'acme', name: 'Acme Ltd' },
      actor: { subject: 'agent-1', actor: { subject: 'agent-0' } },
      client: 'agents',
      gateway: { issuer: 'https://gateway.example.com', client: 'gateway-client' },
      source: 'forwarded',
      credential: { jti: 'token-1' },
      method: 'tools/call',
      target: { kind: 'tool', name: 'list_invoices' },
      decision: { effect: 'allow', guard: 'organization' },
      trace: { id: traceId, parent: '00f067aa0ba902b7', sampled: true },
      server: { name: 'invoices', version: '1.0.0' },
    }
    const hash = createHmac('sha256', key)
      .update('{"card":{"number":"4111"},"month":"2026-11"}')
      .digest('base64url')
    expect(events).toEqual([
      { ...common, id: intent.id, type: 'intent', arguments: { hash } },
      {
        ...common,
        id: expect.any(String) as string,
        type: 'result',
        intent: intent.id,
        outcome: 'ok',
        durationMs: expect.any(Number) as number,
      },
    ])
    expect(events[1]?.id).not.toBe(intent.id)
  })

  it('makes events whose members are in canonical order already', async () => {
    const { trail, events } = listTrail({
      server: { name: 'invoices', version: '1.0.0' },
      levels: { default: 'arguments+result' },
      maxValueLength: 5,
    })
    const identity = ada({
      tokenId: undefined,
      tokenHash: 'hash',
      actor: { subject: 'agent-1', issuer: 'https://a.example', actor: { subject: 'agent-0' } },
    })
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
    const intent = await trail.intent({ ...call, identity, traceparent, arguments: 'long text' })
    await intent.result({ outcome: 'tool_error', value: 'long text' })
    const error = new IdentityError('TOK', { reason: 'expired' })
    await trail.refusal({ ...call, identity, traceparent, error })
    expect(events).toHaveLength(3)
    for (const event of events) expect(JSON.stringify(event)).toBe(canonicalize(event))
  })

  it.each([
    [['ok', 'thrown'], ['ok']],
    [['ok', 'cancelled'], ['ok']],
    [['cancelled', 'cancelled'], ['cancelled']],
    [
      ['cancelled', 'ok', 'thrown'],
      ['cancelled', 'ok'],
    ],
  ] as const)(
    'records the first result, and one more after a cancellation: %j',
    async (ended, recorded) => {
      const { trail, events } = listTrail()
      const intent = await trail.intent(call)
      for (const outcome of ended) await intent.result({ outcome })
      expect(events.slice(1).map(({ outcome }) => outcome)).toEqual(recorded)
    },
  )

  it.each([
    '',
    'x',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${traceId}-00f067aa0ba902b7-01-later`,
    `01-${traceId}-00f067aa0ba902b7-01later`,
    `ff-${traceId}-00f067aa0ba902b7-01`,
    `00-${traceId}-00f067aa0ba902b7-01\n`,
    undefined,
  ])('ignores the traceparent %j', async (traceparent) => {
    const { trail, events } = listTrail()
    await trail.intent({ ...call, traceparent })
    expect(events[0]).not.toHaveProperty('trace')
  })

  it.each([
    ['00', '00', false],
    ['00', '03', true],
    ['00', 'fe', false],
    ['cc', '01-what-later-versions-add', true],
  ])('reads a traceparent of version %s with flags %s', async (version, flags, sampled) => {
    const { trail, events } = listTrail()
    await trail.intent({ ...call, traceparent: `${version}-${traceId}-00f067aa0ba902b7-${flags}` })
    expect(events[0]?.trace).toEqual({ id: traceId, parent: '00f067aa0ba902b7', sampled })
  })

  it('keeps a keyed hash of the hash of a credential without jti', async () => {
    const { trail, events } = listTrail()
    const { tokenId: _, ...parts } = ada()
    const identity = ada({ ...parts, tokenId: undefined as never })
    await trail.intent({ ...call, identity, credentialHash: 'digest-of-token' })
    const hash = createHmac('sha256', key).update('digest-of-token').digest('base64url')
    expect(events[0]?.credential).toEqual({ hash })
  })

  it.each([
    [{ key: Buffer.alloc(31) }, 'key'],
    [{ mode: 'sometimes' as never }, 'mode'],
    [{ sink: {} as never }, 'sink'],
    [{ levels: { default: 'all' as never } }, 'levels'],
    [{ levels: { methods: { ping: 'all' as never } } }, 'levels'],
    [{ redact: ['password'] }, 'redact'],
    [{ redact: ['arguments..a'] }, 'redact'],
    [{ maxPending: 0 }, 'maxPending'],
    [{ timeoutSeconds: Number.NaN }, 'timeoutSeconds'],
    [{ maxValueLength: -1 }, 'maxValueLength'],
  ])('refuses wrong options at creation (%#)', (options, name) => {
    expect(() => listTrail(options)).toThrow(new RegExp(`^${name}`))
    expect(() => listTrail(options)).toThrow(TypeError)
  })
})

const codes: readonly IdentityErrorCode[] = [
  'MISSING',
  'REQ',
  'TOK',
  'SCOPE',
  'BIND',
  'DOWN',
  'AUDIT',
  'SESS',
  'LIMIT',
]

describe('T13 refusals', () => {
  it.each(codes)('T13 records a call refused as %s, without the token', async (code) => {
    const { trail, events } = listTrail({ levels: { default: 'none' } })
    const cause = new Error('eyJhbGciOi.secret.token')
    const error = new IdentityError(code, { reason: 'own_rule', cause, requestId: 'request-1' })
    await trail.refusal({ method: 'HTTP POST', error })
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({
      type: 'refusal',
      decision: { effect: 'deny', code, reason: 'own_rule', requestId: 'request-1' },
    })
    expect(JSON.stringify(events)).not.toContain('eyJ')
  })

  it('T13 records a call denied by a guard, with who was denied', async () => {
    const { trail, events } = listTrail()
    await trail.refusal({ ...call, identity: ada(), reason: 'wrong_organization' })
    expect(events[0]).toMatchObject({
      type: 'refusal',
      principal: { subject: 'ada' },
      decision: { effect: 'deny', guard: 'organization', reason: 'wrong_organization' },
    })
  })
})

describe('T3 a sink that fails', () => {
  const failing = (): Promise<void> => Promise.reject(new Error('disk full'))
  const silent = (): Promise<void> => new Promise(() => undefined)

  it('T3 refuses the call as AUDIT in strict mode, and notifies the operator', async () => {
    const told: unknown[] = []
    const { trail } = listTrail({ sink: failing, onError: (error) => told.push(error) })
    for (const work of [trail.intent(call), trail.refusal({ ...call, reason: 'no' })]) {
      await expect(work).rejects.toMatchObject({
        code: 'AUDIT',
        status: 503,
        message: 'The call cannot be recorded',
        reason: 'audit_unavailable',
      })
    }
    expect(told).toEqual([new Error('disk full'), new Error('disk full')])
  })

  it('T3 does not answer a call whose result cannot be recorded in strict mode', async () => {
    let count = 0
    const sink = (): Promise<void> => (count++ === 0 ? Promise.resolve() : failing())
    const { trail } = listTrail({ sink })
    const intent = await trail.intent(call)
    await expect(intent.result({ outcome: 'ok' })).rejects.toMatchObject({ code: 'AUDIT' })
  })

  it('T3 waits for a silent sink no longer than it may', async () => {
    const { trail } = listTrail({ sink: silent, timeoutSeconds: 0.05 })
    await expect(trail.intent(call)).rejects.toMatchObject({
      code: 'AUDIT',
      reason: 'audit_timeout',
    })
    await trail.close()
  })

  it('T3 holds a bounded number of events for a silent sink, in both modes', async () => {
    for (const mode of ['strict', 'best-effort'] as const) {
      let held = 0
      const sink = (): Promise<void> => {
        held += 1
        return silent()
      }
      const { trail } = listTrail({ sink, mode, maxPending: 10, timeoutSeconds: 0.05 })
      await Promise.allSettled(Array.from({ length: 1_000 }, () => trail.intent(call)))
      expect(held).toBe(10)
    }
  })

  it('lets calls run in best-effort mode, and tells in the next event how many are missing', async () => {
    const events: AuditEvent[] = []
    let isDown = true
    const sink = (event: AuditEvent): Promise<void> => {
      if (isDown) return failing()
      events.push(event)
      return Promise.resolve()
    }
    const trail = createAuditTrail({ sink, mode: 'best-effort', key })
    for (let count = 0; count < 3; count++) await trail.intent(call)
    await new Promise((resolve) => setImmediate(resolve))
    isDown = false
    const intent = await trail.intent(call)
    await intent.result({ outcome: 'ok' })
    expect(events.map(({ dropped }) => dropped)).toEqual([3, undefined])
  })

  it('counts an event that cannot be made as one that is not recorded', async () => {
    const options = { clock: () => Number.NaN }
    const strict = listTrail(options)
    await expect(strict.trail.intent(call)).rejects.toMatchObject({ code: 'AUDIT' })
    await expect(strict.trail.refusal(call)).rejects.toMatchObject({ code: 'AUDIT' })
    const { trail, events } = listTrail({ ...options, mode: 'best-effort' })
    const intent = await trail.intent(call)
    await intent.result({ outcome: 'ok' })
    expect(events).toEqual([])
  })

  it('records nothing after it was closed', async () => {
    const { trail, events } = listTrail()
    await trail.close()
    await expect(trail.intent(call)).rejects.toMatchObject({ code: 'AUDIT' })
    expect(events).toEqual([])
  })

  it('continues when its listener throws', async () => {
    const onError = (): never => {
      throw new Error('listener')
    }
    const { trail } = listTrail({ sink: failing, mode: 'best-effort', onError })
    expect(await trail.intent(call)).toHaveProperty('id')
  })
})
