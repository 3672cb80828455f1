import { IdentityError } from '@onbehalf/core'
import { otelSink } from '@onbehalf/otel'
import { describe, expect, it } from 'vitest'
import { ada, resultOf, telemetry, trailTo } from './telemetry.ts'

const call = { method: 'tools/call', target: { kind: 'tool', name: 'pay' } } as const

describe('the name of a person', () => {
  const pseudonymsOf = async (
    identities: readonly ReturnType<typeof ada>[],
    pseudonymKey = Buffer.alloc(32, 9),
  ): Promise<unknown[]> => {
    const told = telemetry({ identity: { pseudonymKey } })
    for (const identity of identities) {
      await trailTo(told).refusal({ ...call, identity, reason: 'org_mismatch' })
    }
    return told.spans().map(({ attributes }) => attributes['enduser.pseudo.id'])
  }

  it('is the same pseudonym in every event and process', async () => {
    const [first, second] = await pseudonymsOf([ada(), ada({ tokenId: 'token-2' })])
    expect(first).toMatch(/^[\w-]{43}$/)
    expect(second).toBe(first)
    expect(await pseudonymsOf([ada()])).toEqual([first])
  })

  it('differs between issuers with the same subject, and wherever issuer and subject differ', async () => {
    const pseudonyms = await pseudonymsOf([
      ada({ issuer: 'https://a.example', subject: 'ada' }),
      ada({ issuer: 'https://b.example', subject: 'ada' }),
      ada({ issuer: 'https://a.example', subject: 'bob' }),
      ada({ issuer: 'https://a.example","ada', subject: '' }),
    ])
    expect(new Set(pseudonyms).size).toBe(4)
  })

  it('says nothing without the key', async () => {
    const [mine] = await pseudonymsOf([ada()])
    const [theirs] = await pseudonymsOf([ada()], Buffer.alloc(32, 8))
    expect(theirs).not.toBe(mine)
  })

  it('is the subject only where that was asked for', async () => {
    const told = telemetry({ identity: 'clear-text' })
    await trailTo(told).refusal({ ...call, identity: ada(), reason: 'org_mismatch' })
    const [span] = told.spans()
    expect(span?.attributes).toMatchObject({
      'enduser.id': 'ada@acme.example',
      'onbehalf.principal.issuer': 'https://people.example.com',
    })
    expect(span?.attributes).not.toHaveProperty('enduser.pseudo.id')
  })

  it('is not given to a service, or to nobody', async () => {
    const told = telemetry({ identity: 'clear-text' })
    const trail = trailTo(told)
    await trail.refusal({ ...call, identity: ada({ kind: 'service' }), reason: 'user_required' })
    await trail.refusal({ ...call, reason: 'identity_missing' })
    expect(told.spans().map(({ attributes }) => attributes['enduser.id'])).toEqual([
      undefined,
      undefined,
    ])
    expect(told.spans().map(({ attributes }) => attributes['onbehalf.principal.kind'])).toEqual([
      'service',
      undefined,
    ])
  })
})

describe('G3 telemetry', () => {
  it('G3 holds no token, address, argument or result, at any level of the trail', async () => {
    const told = telemetry({ organizationInMetrics: true })
    const trail = trailTo(told, { levels: { default: 'arguments+result' } })
    const canary = {
      token: 'eyJhbGciOi.canary.token',
      email: 'canary@acme.example',
      iban: 'DE00CANARY',
    }
    const identity = ada({
      subject: canary.email,
      claims: canary,
      actor: { subject: canary.email },
      tokenId: 'canary-jti',
      organization: { id: 'acme', name: 'Canary Ltd', roles: [canary.email] },
    })
    const common = { ...call, identity, arguments: canary }
    const intent = await trail.intent(common)
    await intent.result({ outcome: 'ok', value: { structuredContent: canary } })
    const cause = new Error(canary.token)
    await trail.refusal({
      ...common,
      error: new IdentityError('TOK', { reason: 'expired', cause }),
    })
    const resource = { kind: 'resource', name: `ledger://${canary.email}` } as const
    await (await trail.intent({ ...common, method: 'resources/read', target: resource })).result({
      outcome: 'thrown',
      value: canary,
    })
    expect(told.spans()).toHaveLength(3)
    const text = await told.text()
    expect(text).toContain('mcp.server.operation.duration')
    expect(text).toContain('enduser.pseudo.id')
    expect(text.toLowerCase()).not.toMatch(/canary|eyj/)
  })

  it('G3 makes visible what would move a cursor or turn a line around', async () => {
    const told = telemetry({ identity: 'clear-text', organizationInMetrics: true })
    await told.sink.write(
      resultOf({
        principal: { issuer: 'https://people.example.com', subject: 'ada\u001b[2J', kind: 'user' },
        organization: { id: 'acme\r\nx: y' },
        client: 'agents\u202e',
        target: { kind: 'tool', name: 'pay\u0000\u200b' },
        decision: { effect: 'allow', guard: 'a\\u{202E}\u009b' },
      }),
    )
    const [span] = told.spans()
    expect(span?.name).toBe('tools/call pay\\u{0}\\u{200B}')
    expect(span?.attributes).toMatchObject({
      'enduser.id': 'ada\\u{1B}[2J',
      'onbehalf.organization.id': 'acme\\u{D}\\u{A}x: y',
      'onbehalf.client': 'agents\\u{202E}',
      'gen_ai.tool.name': 'pay\\u{0}\\u{200B}',
      'onbehalf.guard': 'a\\u{5C}u{202E}\\u{9B}',
    })
    const [point] = await told.points('mcp.server.operation.duration')
    expect(point?.attributes).toMatchObject({
      'onbehalf.organization.id': 'acme\\u{D}\\u{A}x: y',
      'gen_ai.tool.name': 'pay\\u{0}\\u{200B}',
    })
  })
})

describe('otelSink', () => {
  it.each([
    [{}, 'identity'],
    [{ identity: undefined }, 'identity'],
    [{ identity: null }, 'identity'],
    [{ identity: 'clear' }, 'identity'],
    [{ identity: {} }, 'identity.pseudonymKey'],
    [{ identity: { pseudonymKey: 'x'.repeat(32) } }, 'identity.pseudonymKey'],
    [{ identity: { pseudonymKey: Buffer.alloc(31) } }, 'identity.pseudonymKey'],
    [{ identity: 'clear-text', organizationInMetrics: 'no' }, 'organizationInMetrics'],
    [{ identity: 'clear-text', tracerProvider: {} }, 'tracerProvider'],
    [{ identity: 'clear-text', tracerProvider: null }, 'tracerProvider'],
    [{ identity: 'clear-text', meterProvider: {} }, 'meterProvider'],
  ])('refuses wrong options at creation (%#)', (options, name) => {
    expect(() => otelSink(options as never)).toThrow(new RegExp(`^${name} must`))
    expect(() => otelSink(options as never)).toThrow(TypeError)
  })
})
