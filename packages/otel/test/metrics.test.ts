import { IdentityError } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { ada, resultOf, telemetry, trailTo } from './telemetry.ts'

const call = {
  method: 'tools/call',
  target: { kind: 'tool', name: 'list_invoices' },
  guard: 'organization',
} as const
const durations = 'mcp.server.operation.duration'
const tool = {
  'mcp.method.name': 'tools/call',
  'gen_ai.operation.name': 'execute_tool',
  'gen_ai.tool.name': 'list_invoices',
}

describe('metrics', () => {
  it('tell how long calls took, in seconds and in the buckets of the conventions', async () => {
    const told = telemetry()
    await told.sink.write(resultOf({ durationMs: 12.5 }))
    await told.sink.write(resultOf({ durationMs: 1_500 }))
    await told.sink.write(resultOf({ outcome: 'tool_error', durationMs: 1 }))
    const [good, bad] = await told.points(durations)
    expect(good).toMatchObject({
      attributes: { ...tool, 'onbehalf.outcome': 'ok' },
      value: { count: 2, sum: 1.5125 },
    })
    expect(good?.value).toHaveProperty(
      'buckets.boundaries',
      [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
    )
    expect(bad).toMatchObject({
      attributes: { ...tool, 'onbehalf.outcome': 'tool_error', 'error.type': 'tool_error' },
      value: { count: 1 },
    })
  })

  it('count each decision once, when it is made', async () => {
    const told = telemetry()
    const trail = trailTo(told)
    const intent = await trail.intent({ ...call, identity: ada() })
    await intent.result({ outcome: 'ok' })
    await trail.intent(call)
    await trail.refusal({ ...call, identity: ada(), reason: 'org_mismatch' })
    await trail.refusal({
      method: 'HTTP POST',
      error: new IdentityError('TOK', { reason: 'expired' }),
    })
    expect(await told.points('onbehalf.decisions')).toEqual([
      {
        attributes: { ...tool, 'onbehalf.decision': 'allow', 'onbehalf.guard': 'organization' },
        value: 2,
      },
      {
        attributes: {
          ...tool,
          'onbehalf.decision': 'deny',
          'onbehalf.guard': 'organization',
          'onbehalf.reason': 'org_mismatch',
          'error.type': 'tool_error',
        },
        value: 1,
      },
      {
        attributes: {
          'http.request.method': 'POST',
          'onbehalf.decision': 'deny',
          'onbehalf.reason': 'expired',
          'error.type': 'expired',
        },
        value: 1,
      },
    ])
    // The request that nobody read is not an operation.
    const [served, refused, ...more] = await told.points(durations)
    expect(more).toEqual([])
    expect(served).toMatchObject({
      attributes: { 'onbehalf.outcome': 'ok' },
      value: { count: 1 },
    })
    expect(refused).toMatchObject({
      attributes: { ...tool, 'onbehalf.outcome': 'refused', 'error.type': 'tool_error' },
      value: { count: 1 },
    })
  })

  it('count the events that the trail says it lost', async () => {
    const told = telemetry()
    await told.sink.write(resultOf())
    await told.sink.write(resultOf({ dropped: 3 }))
    await told.sink.write(resultOf({ dropped: 2 }))
    expect(await told.points('onbehalf.audit.dropped')).toEqual([{ attributes: {}, value: 5 }])
  })

  it('are kept apart by organization only when asked to', async () => {
    const event = resultOf({ organization: { id: 'acme', name: 'Acme Ltd' } })
    for (const organizationInMetrics of [false, true]) {
      const told = telemetry({ organizationInMetrics })
      await told.sink.write(event)
      const [point] = await told.points(durations)
      const id = organizationInMetrics ? 'acme' : undefined
      expect(point?.attributes['onbehalf.organization.id']).toBe(id)
    }
  })

  it('never distinguish users', async () => {
    for (const identity of ['clear-text', { pseudonymKey: Buffer.alloc(32, 1) }] as const) {
      const told = telemetry({ identity, organizationInMetrics: true })
      const trail = trailTo(told)
      for (const subject of ['ada', 'bob']) {
        const intent = await trail.intent({ ...call, identity: ada({ subject }) })
        await intent.result({ outcome: 'ok' })
        await trail.refusal({ ...call, identity: ada({ subject }), reason: 'org_mismatch' })
      }
      expect(await told.points(durations)).toHaveLength(2)
      expect(await told.points('onbehalf.decisions')).toHaveLength(2)
    }
  })
})

describe('names that callers make up', () => {
  const toolsIn = async (
    told: ReturnType<typeof telemetry>,
    metric: string,
  ): Promise<Set<unknown>> =>
    new Set((await told.points(metric)).map(({ attributes }) => attributes['gen_ai.tool.name']))

  it('make no series where the call is refused', async () => {
    const told = telemetry()
    const trail = trailTo(told)
    for (let n = 0; n < 50; n++) {
      const target = { kind: 'tool', name: `made-up-${n}` } as const
      await trail.refusal({ method: 'tools/call', target, reason: 'org_mismatch' })
      await trail.refusal({ method: `made/up/${n}`, reason: 'org_mismatch' })
      await trail.refusal({ method: `HTTP M${n}`, reason: 'malformed' })
    }
    const points = await told.points('onbehalf.decisions')
    expect(points.map(({ value }) => value)).toEqual([50, 50, 50])
    expect(new Set(told.spans().map(({ name }) => name))).toEqual(
      new Set(['tools/call', '_OTHER', 'HTTP _OTHER']),
    )
  })

  it('make a bounded number of series where calls of unknown tools are allowed', async () => {
    const told = telemetry()
    for (let n = 0; n < 1_000; n++) {
      const target = { kind: 'tool', name: `made-up-${n}` } as const
      await told.sink.write(resultOf({ target, outcome: 'thrown' }))
    }
    expect((await toolsIn(told, durations)).size).toBe(101)
  })

  it('do not push out a tool that works', async () => {
    const told = telemetry()
    for (let n = 0; n < 1_000; n++) {
      const target = { kind: 'tool', name: `made-up-${n}` } as const
      await told.sink.write(resultOf({ target, outcome: 'tool_error' }))
    }
    await told.sink.write(resultOf())
    expect(await toolsIn(told, durations)).toContain('list_invoices')
  })

  it('are bounded too where every call goes well', async () => {
    const told = telemetry()
    for (let n = 0; n < 1_000; n++) {
      await told.sink.write(resultOf({ target: { kind: 'tool', name: `made-up-${n}` } }))
    }
    expect((await toolsIn(told, durations)).size).toBe(601)
  })

  it('do not hide a tool that never worked', async () => {
    const told = telemetry()
    await told.sink.write(resultOf({ target: { kind: 'tool', name: 'broken' }, outcome: 'thrown' }))
    expect(await toolsIn(told, durations)).toEqual(new Set(['broken']))
  })
})
