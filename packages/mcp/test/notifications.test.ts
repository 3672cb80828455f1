import { check } from '@onbehalf/core/guards'
import { type DecisionEvent, type ProtectOptions, protect, type Rule } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { listTrail } from './support/audit.ts'
import { makeServer } from './support/make-server.ts'
import { call, cancel, generations, wire } from './support/raw.ts'

const slowly = check('slowly', async ({ subject }) => subject === 'ada')

describe.each(generations)('notifications to a %s server', (generation) => {
  async function connect(options: ProtectOptions = {}) {
    const seen: string[] = []
    const server = protect(makeServer(generation), options)
    server.server.fallbackNotificationHandler = async ({ method }) => {
      seen.push(method)
    }
    return { line: await wire(generation, server), seen }
  }

  const rules: readonly Rule[] = [
    { kind: 'method', name: 'notifications/open', guard: 'public' },
    { kind: 'method', name: 'acme/open', guard: 'public' },
    { kind: 'method', name: '*/purge', guard: 'nobody' },
    { kind: 'method', name: 'acme/slow', guard: slowly },
  ]

  test.each([
    ['acme/custom', undefined, false],
    ['notifications/custom', undefined, false],
    ['notifications/custom', 'late', false],
    ['notifications/custom', 'copy-of-ada', false],
    ['notifications/custom', 'eve', true],
    ['notifications/roots/list_changed', undefined, false],
    ['tools/call', undefined, false],
    ['tools/list', undefined, false],
    ['acme/open', undefined, true],
    ['notifications/open', undefined, true],
    ['acme/purge', 'ada', false],
    ['notifications/purge', 'ada', false],
    ['acme/slow', 'ada', true],
    ['acme/slow', 'eve', false],
  ])('are decided on by rules: %s of %s passes: %s', async (method, caller, passes) => {
    const events: DecisionEvent[] = []
    const { trail, events: recorded } = listTrail()
    const { line, seen } = await connect({
      rules,
      audit: trail,
      onEvent: (event) => event.type === 'decision' && events.push(event),
    })
    line.send({ jsonrpc: '2.0', method }, caller)
    await line.settle()
    expect(seen).toEqual(passes ? [method] : [])
    const effect = passes ? 'allow' : 'deny'
    expect(events).toMatchObject([{ method, decision: { effect } }])
    expect(recorded.map(({ type }) => type)).toEqual(passes ? [] : ['refusal'])
  })

  test('are reported where a refusal cannot be recorded, and still refused', async () => {
    const { trail } = listTrail(() => true)
    const server = protect(makeServer(generation), { audit: trail })
    const [errors, seen]: [string[], string[]] = [[], []]
    server.server.onerror = ({ message }) => errors.push(message)
    server.server.fallbackNotificationHandler = async ({ method }) => void seen.push(method)
    const line = await wire(generation, server)
    line.send({ jsonrpc: '2.0', method: 'acme/custom' })
    await line.settle()
    expect([errors, seen]).toEqual([['The call cannot be recorded'], []])
  })

  test('that would cancel another caller’s request are recorded', async () => {
    const { trail, events } = listTrail()
    const server = protect(makeServer(generation), { audit: trail, rules: [] })
    server.server.fallbackRequestHandler = () => new Promise(() => {})
    const line = await wire(generation, server)
    line.send({ ...call(1, 'any'), method: 'acme/waits' }, 'ada')
    await line.settle()
    line.send(cancel(1), 'eve')
    await line.settle()
    expect(events.at(-1)).toMatchObject({
      type: 'refusal',
      method: 'notifications/cancelled',
      principal: { subject: 'eve' },
      decision: { reason: 'session_owner_mismatch' },
    })
  })
})
