import type { Guard } from '@onbehalf/core/guards'
import { all, any, check, role } from '@onbehalf/core/guards'
import { limit, limitConcurrency, limitTime } from '@onbehalf/limits'
import { denialKey, limitsOf, protect, requireAll, type ServerEvent } from '@onbehalf/mcp'
import { beforeEach, describe, expect, test } from 'vitest'
import { listTrail } from '../../mcp/test/support/audit.ts'
import { runs } from '../../mcp/test/support/guarded-server.ts'
import { post } from '../../mcp/test/support/http-host.ts'
import { httpWays, serve } from '../../mcp/test/support/http-ways.ts'
import { deferred, makeServer, nothing, reply } from '../../mcp/test/support/make-server.ts'
import { call, cancel, generations, list, wire } from '../../mcp/test/support/raw.ts'
import { v1Stateless } from '../../mcp/test/support/runtimes.ts'

let count = 0
/** A name that no other test has: what is counted in this process outlives a server. */
const fresh = (): string => `test-${count++}`
beforeEach(() => {
  runs.length = 0
})

const january = { month: '2026-01' }
const perUser = (points = 2, name = fresh()) =>
  limit({ name, per: 'user', points, seconds: 600, whenStoreFails: 'closed' })
const ruled = (guard: Guard, name = 'plain') => ({
  options: { rules: [{ kind: 'tool', name, guard }] as const },
})
const ways = (makeSetup: () => Parameters<typeof httpWays>[0]) => {
  return httpWays().map(({ way }, at) => ({ way, make: () => httpWays(makeSetup())[at] }))
}

describe.each(ways(() => ruled(perUser())))('$way', ({ make }) => {
  test('answers calls over the limit with 429, and other callers as always', async () => {
    const way = make()
    if (way === undefined) throw new Error('no such way')
    const url = await serve(way.handle)
    const say = (caller: string) => way.send(url, call(1, 'plain', january), caller)
    expect([(await say('ada')).status, (await say('ada')).status]).toEqual([200, 200])
    const { status, headers, text } = await say('ada')
    expect([status, headers.get('content-type')]).toEqual([429, 'application/json'])
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(590)
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(headers.get('www-authenticate')).toBeNull()
    expect(JSON.parse(text)).toMatchObject({
      error: { code: 31_429, message: 'Too many requests' },
    })
    expect((await say('bob')).status).toBe(200)
    expect(runs.map(({ subject }) => subject)).toEqual(['ada', 'ada', 'bob'])
  })
})

describe.each(generations)('a limit, %s', (generation) => {
  const start = async (
    guard: Guard,
    handler: (...input: never[]) => unknown = () => reply('done'),
  ) => {
    const events: ServerEvent[] = []
    const { trail, events: records } = listTrail()
    const server = protect(makeServer(generation), {
      audit: trail,
      onEvent: (event) => events.push(event),
    })
    server.registerTool('work', { inputSchema: nothing }, requireAll([guard], handler as never))
    const line = await wire(generation, server)
    let id = 0
    const ask = (caller = 'ada') => line.ask(call(++id, 'work'), caller)
    return { ask, line, events, records }
  }
  const denialIn = ({ result }: { result?: Record<string, unknown> }) =>
    (result?.['_meta'] as Record<string, unknown> | undefined)?.[denialKey]

  test('answers without HTTP by a tool error that says why and until when', async () => {
    const guard = perUser(1)
    const { ask, events, records } = await start(guard)
    await ask()
    const answer = await ask()
    const until = expect.any(Number)
    expect(answer.result).toMatchObject({
      isError: true,
      content: [{ type: 'text', text: 'Limit reached: too many calls.' }],
    })
    expect(denialIn(answer)).toEqual({
      reason: 'rate_limited',
      guard: guard.name,
      required: {},
      until,
    })
    const denial = denialIn(answer) as { until: number }
    expect(denial.until - Date.now() / 1000).toBeGreaterThan(590)
    expect(events.at(-1)).toMatchObject({
      type: 'decision',
      tool: 'work',
      decision: { effect: 'deny', reason: 'rate_limited', guard: guard.name },
    })
    expect(records.at(-1)).toMatchObject({
      type: 'refusal',
      principal: { subject: 'ada' },
      decision: { effect: 'deny', reason: 'rate_limited', guard: guard.name },
    })
  })

  test('uses up nothing for a caller whom a guard refuses, in whatever order they are', async () => {
    for (const guard of [
      (counted: Guard) => all(role('operator'), counted),
      (counted: Guard) => all(counted, role('operator')),
    ]) {
      const counted = limit({
        name: fresh(),
        per: 'tool',
        points: 1,
        seconds: 600,
        whenStoreFails: 'closed',
      })
      const { ask } = await start(guard(counted))
      expect(denialIn(await ask('bob'))).toMatchObject({ reason: 'role_missing' })
      expect((await ask('ada')).result).toMatchObject(reply('done'))
      expect(denialIn(await ask('ada'))).toMatchObject({ reason: 'rate_limited' })
    }
  })

  test('gives back what it counted when another limit refuses the call', async () => {
    const wide = perUser(3)
    const narrow = perUser(1)
    const { ask } = await start(all(wide, narrow))
    await ask()
    for (const _again of [1, 2, 3, 4]) {
      expect(denialIn(await ask())).toMatchObject({ guard: narrow.name })
    }
  })

  test('tells the handler what is left', async () => {
    const guard = perUser(3)
    const seen: unknown[] = []
    const { ask } = await start(guard, (_args: unknown, ctx: unknown) => {
      seen.push(...limitsOf(ctx))
      return reply('done')
    })
    await ask()
    await ask()
    const budget = { limit: guard.name, points: 3, until: expect.any(Number) }
    expect(seen).toEqual([
      { ...budget, remaining: 2 },
      { ...budget, remaining: 1 },
    ])
  })

  test('does not count lists, and nothing of a call twice', async () => {
    const guard = perUser(2)
    const { ask, line } = await start(all(guard, role('operator'), guard))
    for (const id of ['a', 'b', 'c']) await line.ask(list(id), 'ada')
    await ask()
    expect((await ask()).result).toMatchObject(reply('done'))
    expect(denialIn(await ask())).toMatchObject({ reason: 'rate_limited' })
  })

  test('counts callers apart whose names would meet if they were only joined', async () => {
    const own: string[] = ['a|b', 'a', 'b', 'a","b', '', '__proto__', 'a\u0000b', 'A']
    let next = 0
    const guard = limit({
      name: fresh(),
      per: [() => own[next] || 'empty', () => own[(next + 1) % own.length] || 'empty'],
      points: 1,
      seconds: 600,
      whenStoreFails: 'closed',
    })
    const { ask } = await start(guard)
    for (next = 0; next < own.length; next++) {
      expect((await ask()).result).toMatchObject(reply('done'))
    }
    next = 0
    expect(denialIn(await ask())).toMatchObject({ reason: 'rate_limited' })
  })

  test.each([
    ['ada', 'user', ['bob', 'eve', 'robot']],
    ['ada', 'organization', ['eve', 'nobody', 'robot']],
    ['robot', 'client', ['ada', 'eve']],
  ] as const)('of %s per %s is not that of others', async (caller, per, others) => {
    const guard = limit({ name: fresh(), per, points: 1, seconds: 600, whenStoreFails: 'closed' })
    const { ask } = await start(guard)
    await ask(caller)
    expect(denialIn(await ask(caller))).toMatchObject({ reason: 'rate_limited' })
    for (const other of others) expect((await ask(other)).result).toMatchObject(reply('done'))
  })

  test('per organization is shared by its members, per tool by all', async () => {
    for (const [per, other] of [
      ['organization', 'bob'],
      ['tool', 'eve'],
    ] as const) {
      const guard = limit({ name: fresh(), per, points: 1, seconds: 600, whenStoreFails: 'closed' })
      const { ask } = await start(guard)
      await ask('ada')
      expect(denialIn(await ask(other))).toMatchObject({ reason: 'rate_limited' })
    }
  })

  test('refuses when its key cannot be made', async () => {
    const per = () => {
      throw new Error('secret of the operator')
    }
    const options = { name: fresh(), points: 1, seconds: 600, whenStoreFails: 'open' } as const
    for (const key of [per, () => '', () => undefined as unknown as string]) {
      const { ask } = await start(limit({ ...options, per: key }))
      const answer = await ask()
      expect(denialIn(answer)).toMatchObject({ reason: 'guard_error' })
      expect(JSON.stringify(answer)).not.toContain('secret')
    }
  })

  test('of calls at once has a place again when one has ended', async () => {
    const gate = deferred()
    const guard = limitConcurrency({ name: fresh(), per: 'user', calls: 2 })
    const { ask } = await start(guard, async () => {
      await gate.promise
      return reply('done')
    })
    const running = [ask(), ask()]
    expect(denialIn(await ask())).toMatchObject({ reason: 'concurrency_limited' })
    const other = ask('bob')
    gate.resolve()
    for (const answer of await Promise.all([...running, other])) {
      expect(answer.result).toMatchObject(reply('done'))
    }
    expect((await ask()).result).toMatchObject(reply('done'))
  })

  test('of calls at once keeps the place of a cancelled call until its handler has ended', async () => {
    const gate = deferred()
    const begun = deferred()
    const guard = limitConcurrency({ name: fresh(), per: 'user', calls: 1 })
    const { ask, line } = await start(guard, async () => {
      begun.resolve()
      await gate.promise
      return reply('done')
    })
    line.send(call('long', 'work'), 'ada')
    await begun.promise
    line.send(cancel('long'), 'ada')
    expect(denialIn(await ask())).toMatchObject({ reason: 'concurrency_limited' })
    gate.resolve()
    await line.settle()
    expect((await ask()).result).toMatchObject(reply('done'))
  })

  test('of time answers in place of the handler, aborts its signal, and drops what it says later', async () => {
    const gate = deferred()
    const aborted = deferred()
    const guard = limitTime({ name: fresh(), seconds: 0.05 })
    const { ask, line, records } = await start(guard, async (_args: unknown, ctx: unknown) => {
      const { signal, mcpReq } = ctx as { signal?: AbortSignal; mcpReq?: { signal: AbortSignal } }
      const { signal: given } = mcpReq ?? { signal }
      given?.addEventListener('abort', () => aborted.resolve())
      await gate.promise
      return reply('too late')
    })
    const answer = await ask()
    expect(denialIn(answer)).toMatchObject({ reason: 'time_limited', guard: guard.name })
    await aborted.promise
    gate.resolve()
    await line.settle()
    expect(line.received.filter(({ id }) => id === answer.id)).toHaveLength(1)
    expect(records.at(-1)).toMatchObject({ type: 'result', outcome: 'tool_error' })
  })

  test('that a wrapper hides from the server counts as well, once', async () => {
    const guard = perUser(2)
    const inner = requireAll([guard], (async () => reply('done')) as never) as (
      ...input: unknown[]
    ) => unknown
    const server = protect(makeServer(generation))
    const hiding = (...input: unknown[]) => inner(...input)
    server.registerTool('work', { inputSchema: nothing }, hiding as never)
    const line = await wire(generation, server)
    const ask = (id: number) => line.ask(call(id, 'work'), 'ada')
    expect((await ask(1)).result).toMatchObject(reply('done'))
    expect((await ask(2)).result).toMatchObject(reply('done'))
    expect(denialIn(await ask(3))).toMatchObject({ reason: 'rate_limited' })
    expect((await line.ask(list(4), 'ada')).result?.['tools']).toHaveLength(1)
  })

  test('holds on a server that is not protected', async () => {
    const server = makeServer(generation)
    const guard = perUser(1)
    const seen: unknown[] = []
    const handler = (_args: object, ctx: unknown) => {
      seen.push(limitsOf(ctx)[0]?.remaining)
      return reply('done')
    }
    server.registerTool('work', { inputSchema: nothing }, requireAll([guard], handler) as never)
    const line = await wire(generation, server)
    await line.ask(call(1, 'work'), 'ada')
    expect(denialIn(await line.ask(call(2, 'work'), 'ada'))).toMatchObject({
      reason: 'rate_limited',
    })
    expect(seen).toEqual([0])
  })
})

test('a batch of which some calls are over the limit is answered call by call', async () => {
  const url = await serve(v1Stateless(ruled(perUser(1))))
  const items = [call(1, 'plain', january), call(2, 'plain', january)]
  const { status, messages } = await post(url, items, { 'x-caller': 'ada' })
  expect(status).toBe(200)
  expect(
    messages
      .map(({ result }) => result?.['isError'] ?? false)
      .toSorted((one, other) => Number(one) - Number(other)),
  ).toEqual([false, true])
})

describe('a store that fails', () => {
  const failing = (answer: () => Promise<never>, whenStoreFails: 'open' | 'closed') =>
    limit({
      name: fresh(),
      per: 'user',
      points: 1,
      seconds: 600,
      whenStoreFails,
      store: () => ({ consume: answer, reward: answer }),
    })
  const broken = [
    ['refuses', () => Promise.reject(new Error('ECONNREFUSED'))],
    ['answers something else', () => Promise.resolve('QUEUED' as never)],
    [
      'throws',
      () => {
        throw new Error('no connection')
      },
    ],
  ] as const

  test.each(broken)(
    '%s: runs calls uncounted where open was chosen, and the operator is notified',
    async (_name, answer) => {
      const events: ServerEvent[] = []
      const onEvent = (event: ServerEvent) => events.push(event)
      const guard = failing(answer, 'open')
      const { rules } = ruled(guard).options
      const url = await serve(v1Stateless({ options: { rules, onEvent } }))
      const { status } = await post(url, call(1, 'plain', january), { 'x-caller': 'ada' })
      expect(status).toBe(200)
      expect(events).toContainEqual({
        type: 'limit_unavailable',
        limit: guard.name,
        cause: expect.any(Error),
      })
    },
  )

  test.each(broken)('%s: answers 503 where closed was chosen', async (_name, answer) => {
    const url = await serve(v1Stateless(ruled(failing(answer, 'closed'))))
    const { status, headers } = await post(url, call(1, 'plain', january), { 'x-caller': 'ada' })
    expect([status, headers.get('retry-after')]).toEqual([503, '1'])
    expect(runs).toEqual([])
  })
})

describe('options', () => {
  const good = { name: 'a', per: 'user', points: 1, seconds: 1, whenStoreFails: 'open' } as const
  test.each([
    ['no word for what happens without the store', { whenStoreFails: undefined }],
    ['an unknown one', { whenStoreFails: 'maybe' }],
    ['an unknown per', { per: 'person' }],
    ['an inherited per', { per: 'toString' }],
    ['no per', { per: [] }],
    ['a part of a point', { points: 1.5 }],
    ['no point', { points: 0 }],
    ['no second', { seconds: 0 }],
    ['more seconds than a timer counts', { seconds: 3_000_000 }],
    ['a name with a space', { name: 'a b' }],
    ['an empty name', { name: '' }],
    ['a store that is none', { store: {} }],
    ['a name that is misspelt', { point: 1 }],
  ])('%s: TypeError', (_name, option) => {
    expect(() => limit({ ...good, ...option } as never)).toThrow(TypeError)
  })

  test.each([
    ['calls', () => limitConcurrency({ name: 'a', per: 'user', calls: 0 })],
    ['seconds', () => limitTime({ name: 'a', seconds: 0 })],
    ['seconds', () => limitTime({ name: 'a', seconds: Number.NaN })],
  ])('%s that nothing can have: TypeError', (_name, make) => {
    expect(make).toThrow(TypeError)
  })

  test('a limit of streams, which are not counted: TypeError', () => {
    const rules = [{ kind: 'method', name: 'subscriptions/listen', guard: limit(good) }] as const
    expect(() => protect(makeServer('v2'), { rules })).toThrow('cannot have a limit')
  })

  test('a limit as one of several alternatives: TypeError', () => {
    const counted = limit(good)
    expect(() => any(role('admin'), counted)).toThrow('alternatives')
    expect(() =>
      any(
        role('admin'),
        all(
          check('a', () => true),
          counted,
        ),
      ),
    ).toThrow('alternatives')
  })
})
