import { createHmac } from 'node:crypto'
import type { AuditEvent } from '@onbehalf/audit'
import { IdentityError } from '@onbehalf/core'
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { AlwaysOnSampler, ParentBasedSampler } from '@opentelemetry/sdk-trace-base'
import { afterEach, describe, expect, it } from 'vitest'
import { ada, pseudonymKey, resultOf, telemetry, trailTo } from './telemetry.ts'

const call = {
  method: 'tools/call',
  target: { kind: 'tool', name: 'list_invoices' },
  guard: 'organization',
} as const
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentId = '00f067aa0ba902b7'

describe('a span', () => {
  it('covers a call from its intent to its result, and says who, what and why', async () => {
    const told = telemetry()
    const intent = await trailTo(told).intent({ ...call, identity: ada() })
    expect(told.spans()).toEqual([])
    await intent.result({ outcome: 'ok' })
    const [span, ...more] = told.spans()
    expect(more).toEqual([])
    expect(span).toMatchObject({
      name: 'tools/call list_invoices',
      kind: SpanKind.SERVER,
      status: { code: SpanStatusCode.UNSET },
      links: [],
    })
    expect(span?.parentSpanContext).toBeUndefined()
    const person = JSON.stringify(['https://people.example.com', 'ada@acme.example'])
    expect(span?.attributes).toEqual({
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'list_invoices',
      'enduser.pseudo.id': createHmac('sha256', pseudonymKey).update(person).digest('base64url'),
      'onbehalf.principal.kind': 'user',
      'onbehalf.principal.issuer': 'https://people.example.com',
      'onbehalf.organization.id': 'acme',
      'onbehalf.client': 'agents',
      'onbehalf.gateway': 'gateway-client',
      'onbehalf.source': 'forwarded',
      'onbehalf.decision': 'allow',
      'onbehalf.guard': 'organization',
      'onbehalf.outcome': 'ok',
      'onbehalf.event.id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    })
  })

  it('ends when the event was made and starts its duration earlier, to the microsecond', async () => {
    const told = telemetry()
    await told.sink.write(resultOf({ durationMs: 1_262.125 }))
    const [span] = told.spans()
    expect(span?.startTime).toEqual([1_799_999_998, expect.closeTo(987_875_000, -3)])
    expect(span?.endTime).toEqual([1_800_000_000, 250_000_000])
  })

  it.each([
    ['ok', undefined],
    ['cancelled', undefined],
    ['tool_error', 'tool_error'],
    ['thrown', 'tool_error'],
  ] as const)('of a call that ended as %s has the error.type %s', async (outcome, errorType) => {
    const told = telemetry()
    await told.sink.write(resultOf({ outcome }))
    const [span] = told.spans()
    expect(span?.attributes['error.type']).toBe(errorType)
    expect(span?.attributes['onbehalf.outcome']).toBe(outcome)
    const code = errorType === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR
    expect(span?.status).toEqual({ code })
  })

  it('of a refusal over HTTP fails for its reason, from the arrival of the request on', async () => {
    const told = telemetry()
    const error = new IdentityError('SCOPE', { reason: 'scope_missing' })
    const receivedAt = performance.now() - 2_000
    await trailTo(told).refusal({ ...call, identity: ada(), error, receivedAt })
    const [span] = told.spans()
    expect(span).toMatchObject({
      name: 'tools/call',
      status: { code: SpanStatusCode.ERROR, message: 'The access token lacks a required scope' },
    })
    expect(span?.attributes).toMatchObject({
      'gen_ai.tool.name': 'list_invoices',
      'onbehalf.decision': 'deny',
      'onbehalf.code': 'SCOPE',
      'onbehalf.reason': 'scope_missing',
      'error.type': 'scope_missing',
    })
    expect(span?.duration[0]).toBeGreaterThanOrEqual(2)
  })

  const refusal = { type: 'refusal', decision: { effect: 'deny', reason: 'role_missing' } } as const
  const brief = { method: 'prompts/get', target: { kind: 'prompt', name: 'brief' } } as const

  // By the conventions for MCP: the code of a JSON-RPC error, or `tool_error` for a tool's result.
  it.each<[string, Partial<AuditEvent>, string, string | undefined]>([
    ['a refused tool', refusal, 'tool_error', 'Access denied: the caller lacks a required role.'],
    [
      'a refused prompt',
      { ...refusal, ...brief, errorCode: 31_403 },
      '31403',
      'Access denied: the caller lacks a required role.',
    ],
    ['a tool that failed', { outcome: 'tool_error' }, 'tool_error', undefined],
    ['an unknown tool', { outcome: 'thrown', errorCode: -32_602 }, '-32602', 'Invalid params'],
    [
      'a broken prompt',
      { ...brief, outcome: 'thrown', errorCode: -32_603 },
      '-32603',
      'Internal error',
    ],
    ['an error of another code', { ...brief, outcome: 'thrown', errorCode: 7 }, '7', undefined],
  ])('of %s says so as the conventions ask', async (_what, parts, errorType, message) => {
    const told = telemetry()
    await told.sink.write(resultOf(parts))
    const [span] = told.spans()
    expect(span?.attributes['error.type']).toBe(errorType)
    expect(span?.attributes['rpc.response.status_code']).toBe(parts.errorCode?.toString())
    const status = { code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) }
    expect(span?.status).toEqual(status)
  })

  it.each([
    [{ effect: 'deny', reason: 'role_missing' }, 'role_missing'],
    [{ effect: 'deny', code: 'DOWN' }, 'DOWN'],
    [{ effect: 'deny' }, '_OTHER'],
    [{ effect: 'deny', reason: 'ada@acme.example was not there' }, '_OTHER'],
  ] as const)('takes few words for the error.type (%#)', async (decision, errorType) => {
    const told = telemetry()
    await told.sink.write({ ...resultOf(), method: 'HTTP POST', type: 'refusal', decision })
    expect(told.spans()[0]?.attributes['error.type']).toBe(errorType)
  })

  it.each<[Partial<AuditEvent>, string, object]>([
    [
      { method: 'prompts/get', target: { kind: 'prompt', name: 'brief' } },
      'prompts/get brief',
      { 'mcp.method.name': 'prompts/get', 'gen_ai.prompt.name': 'brief' },
    ],
    [
      { method: 'resources/read', target: { kind: 'resource', name: 'ledger://ada' } },
      'resources/read',
      { 'mcp.method.name': 'resources/read' },
    ],
    [{ method: 'tools/list' }, 'tools/list', { 'mcp.method.name': 'tools/list' }],
    [{ method: 'my/method' }, '_OTHER', { 'mcp.method.name': 'my/method' }],
    [{ type: 'refusal', method: 'HTTP POST' }, 'HTTP POST', { 'http.request.method': 'POST' }],
    [{ type: 'refusal', method: 'HTTP BREW' }, 'HTTP _OTHER', { 'http.request.method': '_OTHER' }],
    [{ type: 'refusal', method: 'authenticate' }, 'authenticate', {}],
  ])('names %j', async (parts, name, attributes) => {
    const told = telemetry()
    const { target: _, ...bare } = resultOf()
    await told.sink.write({ ...bare, ...parts })
    const [span] = told.spans()
    expect(span?.name).toBe(name)
    const asked = Object.entries(span?.attributes ?? {}).filter(([key]) =>
      /^(mcp|gen|http)/.test(key),
    )
    expect(Object.fromEntries(asked)).toEqual(attributes)
  })
})

describe('the place of a span', () => {
  afterEach(() => context.disable())

  const sampled = { id: traceId, parent: parentId, sampled: true }

  it('is below the span of the caller, in its trace', async () => {
    const told = telemetry()
    const traceparent = `00-${traceId}-${parentId}-01`
    const intent = await trailTo(told).intent({ ...call, traceparent })
    await intent.result({ outcome: 'ok' })
    const [span] = told.spans()
    expect(span?.spanContext().traceId).toBe(traceId)
    expect(span?.parentSpanContext).toMatchObject({ spanId: parentId, isRemote: true })
  })

  it.each([
    [true, 1],
    [false, 0],
  ])(
    'leaves it to the sampler whether a caller that sampled (%s) is followed',
    async (isSampled, count) => {
      const told = telemetry({ sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }) })
      await told.sink.write(resultOf({ trace: { ...sampled, sampled: isSampled } }))
      expect(told.spans()).toHaveLength(count)
    },
  )

  it('is below the span around the call, where the caller named none', async () => {
    const { told, around } = await writeInside(resultOf())
    expect(told.spans()[0]?.parentSpanContext).toMatchObject({ spanId: around.spanId })
    expect(told.spans()[0]?.links).toEqual([])
  })

  it('is linked with the span around the call, where the caller named another', async () => {
    const { told, around } = await writeInside(resultOf({ trace: sampled }))
    const [span] = told.spans()
    expect(span?.parentSpanContext).toMatchObject({ spanId: parentId })
    expect(span?.links.map((link) => link.context)).toEqual([around])
  })

  async function writeInside(event: AuditEvent) {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    const told = telemetry()
    const around = {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: 1,
    }
    const inside = trace.setSpanContext(ROOT_CONTEXT, around)
    await context.with(inside, () => told.sink.write(event))
    return { told, around }
  }
})

describe('the span of an exchange', () => {
  const exchange = { api: 'ledger', grant: 'token_exchange', scopes: ['ledger.read'] } as const

  it('is below that of its call, in the same trace', async () => {
    const told = telemetry()
    const trail = trailTo(told)
    const traceparent = `00-${traceId}-${parentId}-01`
    const intent = await trail.intent({ ...call, identity: ada(), traceparent })
    await intent.exchange({ ...exchange, outcome: 'fresh' })
    await intent.exchange({ ...exchange, outcome: 'refused', reason: 'consent_required' })
    expect(told.spans()).toEqual([])
    await intent.result({ outcome: 'ok' })
    const [of, ...below] = told.spans()
    expect(of?.name).toBe('tools/call list_invoices')
    expect(of?.parentSpanContext).toMatchObject({ traceId, spanId: parentId })
    for (const span of below) {
      expect(span).toMatchObject({ name: 'exchange ledger', kind: SpanKind.CLIENT })
      expect(span.parentSpanContext?.spanId).toBe(of?.spanContext().spanId)
      expect(span.spanContext().traceId).toBe(traceId)
    }
    expect(below.map(({ attributes }) => attributes['onbehalf.exchange.outcome'])).toEqual([
      'fresh',
      'refused',
    ])
    expect(below.map(({ status }) => status.code)).toEqual([
      SpanStatusCode.UNSET,
      SpanStatusCode.ERROR,
    ])
  })

  it('is made without a call whose end was lost', async () => {
    const told = telemetry()
    const trail = trailTo(told)
    for (let count = 0; count <= 1000; count += 1) {
      const intent = await trail.intent({ ...call, identity: ada() })
      await intent.exchange({ ...exchange, outcome: 'cached' })
    }
    expect(told.spans()).toHaveLength(1)
  })
})
