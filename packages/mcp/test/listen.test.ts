import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import type { AuditTrail } from '@onbehalf/core'
import { check } from '@onbehalf/core/guards'
import { type DecisionEvent, guarded, protectedHandler, requireOrg } from '@onbehalf/mcp'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { listTrail } from './support/audit.ts'
import { callers, makeIdentity } from './support/callers.ts'
import { type Host, host, modern } from './support/http-host.ts'

const accept = 'application/json, text/event-stream'
const organization = { id: 'acme', roles: [] }

let open: Host | undefined
let events: DecisionEvent[] = []
let time = Date.now() / 1000
let allowed = new Set<string>()
let audit: AuditTrail | undefined
afterEach(async () => {
  await open?.close()
  events = []
  time = Date.now() / 1000
  allowed = new Set()
  audit = undefined
})

const listed = check('listed', (identity) => {
  if (allowed.has('nobody knows')) throw new Error('the policy engine is down')
  return allowed.has(identity.subject)
})

function createServer(): McpServer {
  const server = new McpServer(
    { name: 'test', version: '1' },
    { capabilities: { resources: { subscribe: true } } },
  )
  server.registerResource(
    'note',
    'note://acme',
    {},
    requireOrg('acme', async () => ({ contents: [] })),
  )
  server.registerResource(
    'list',
    'note://list',
    {},
    guarded(listed, async () => ({ contents: [] })),
  )
  server.registerTool('any', {}, async () => ({ content: [] }))
  return server
}

async function start(parsed: boolean) {
  const entry = protectedHandler(createMcpHandler, createServer, {
    authenticator: null,
    clock: () => time,
    onEvent: (event) => event.type === 'decision' && events.push(event),
    ...(audit && { audit }),
  })
  const handle = toNodeHandler(entry)
  open = await host((req, res, body) => {
    // Without a parsed body the handler reads the one that the test put back.
    if (!parsed) Object.assign(req, { [Symbol.asyncIterator]: () => iterate(body) })
    return handle(req as never, res as never, parsed ? body : undefined)
  })
  return { url: open.url, entry }
}

async function* iterate(body: unknown) {
  yield Buffer.from(JSON.stringify(body))
}

async function listen(url: URL, uris: unknown, caller?: string): Promise<Response> {
  const { body, headers } = modern('subscriptions/listen', {
    notifications: { resourceSubscriptions: uris, toolsListChanged: true },
  })
  return fetch(url, {
    method: 'POST',
    headers: {
      accept,
      'content-type': 'application/json',
      ...headers,
      ...(caller && { 'x-caller': caller }),
    },
    body: JSON.stringify(body),
  })
}

describe.each([
  ['a parsed body', true],
  ['a body that the handler reads', false],
])('subscriptions/listen with %s', (_what, parsed) => {
  test('is refused without an identity', async () => {
    const { url } = await start(parsed)
    const answer = await listen(url, ['note://acme'])
    expect(await answer.json()).toMatchObject({
      id: 1,
      error: { code: 31_401, data: { reason: 'identity_missing' } },
    })
    expect(events).toMatchObject([{ method: 'subscriptions/listen', decision: { effect: 'deny' } }])
  })

  test('is refused for a resource that the caller may not read', async () => {
    const { url } = await start(parsed)
    const answer = await listen(url, ['note://open', 'NOTE://acme'], 'eve')
    const requestId = answer.headers.get('x-request-id')
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(await answer.json()).toMatchObject({
      error: { code: 31_403, data: { reason: 'org_mismatch', requestId } },
    })
    expect(events.at(-1)).toMatchObject({
      requestId,
      resource: 'note://acme',
      decision: { reason: 'org_mismatch' },
    })
  })

  test('tells those whom the guard lets in of changes', async () => {
    const { url, entry } = await start(parsed)
    const answer = await listen(url, ['note://acme'], 'bob')
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader.read()).value).toContain('acknowledged')
    entry.notify.resourceUpdated('note://acme')
    expect((await reader.read()).value).toContain('notifications/resources/updated')
    await reader.cancel()
  })

  test('ends when the token has expired', async () => {
    const expiresAt = Date.now() / 1000 - 60 + 0.5
    callers.set('brief', makeIdentity({ subject: 'brief', organization, expiresAt }))
    const { url } = await start(parsed)
    const answer = await listen(url, ['note://acme'], 'brief')
    expect(answer.status).toBe(200)
    await expect(answer.text()).resolves.toContain('acknowledged')
  })

  test.each([['tools/list'], [undefined]])(
    'is never opened under a header that says %s',
    async (method) => {
      const { url } = await start(parsed)
      const { body, headers } = modern('subscriptions/listen', {
        notifications: { resourceSubscriptions: ['note://acme'] },
      })
      const { 'mcp-method': _own, ...others } = headers
      const answer = await fetch(url, {
        method: 'POST',
        headers: {
          accept,
          'content-type': 'application/json',
          ...others,
          ...(method && { 'mcp-method': method }),
        },
        body: JSON.stringify(body),
      })
      expect(await answer.text()).toMatch(/-32020|31401/)
    },
  )

  test('leaves other requests to the handler', async () => {
    const { url } = await start(parsed)
    const { body, headers } = modern('resources/read', { uri: 'note://acme' })
    const answer = await fetch(url, {
      method: 'POST',
      headers: { accept, 'content-type': 'application/json', ...headers, 'x-caller': 'bob' },
      body: JSON.stringify(body),
    })
    expect(await answer.text()).toContain('"contents":[]')
  })
})

/** Reads the notifications of a stream one after another. */
function read(answer: Response) {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  return {
    next: async () => {
      const { value, done } = await reader.read()
      return done ? 'end' : /"method":"notifications\/([^"]+)"/.exec(value)?.[1]
    },
    close: () => reader.cancel(),
  }
}

describe('an open stream', () => {
  const updates = () => events.filter(({ method }) => method === 'notifications/resources/updated')

  test('is notified of a resource for as long as its guard lets the caller in', async () => {
    allowed = new Set(['bob'])
    const { url, entry } = await start(true)
    const stream = read(await listen(url, ['note://list'], 'bob'))
    expect(await stream.next()).toBe('subscriptions/acknowledged')
    entry.notify.resourceUpdated('note://list')
    expect(await stream.next()).toBe('resources/updated')
    allowed = new Set()
    entry.notify.resourceUpdated('note://list')
    entry.notify.toolsChanged()
    expect(await stream.next()).toBe('tools/list_changed')
    expect(updates()).toMatchObject([
      { resource: 'note://list', identity: { subject: 'bob' }, decision: { guard: 'listed' } },
    ])
    allowed = new Set(['bob'])
    entry.notify.resourceUpdated('note://list')
    expect(await stream.next()).toBe('resources/updated')
    expect(updates()).toHaveLength(1)
    await stream.close()
  })

  test('is decided on for its own caller', async () => {
    allowed = new Set(['ada', 'bob'])
    const { url, entry } = await start(true)
    const [ada, bob] = await Promise.all(
      ['ada', 'bob'].map(async (name) => read(await listen(url, ['note://list'], name))),
    )
    await Promise.all([ada?.next(), bob?.next()])
    allowed = new Set(['ada'])
    entry.notify.resourceUpdated('note://list')
    entry.notify.toolsChanged()
    expect(await ada?.next()).toBe('resources/updated')
    expect(await bob?.next()).toBe('tools/list_changed')
    await Promise.all([ada?.close(), bob?.close()])
  })

  test('hears nothing while its guard cannot be evaluated', async () => {
    allowed = new Set(['bob'])
    const { url, entry } = await start(true)
    const stream = read(await listen(url, ['note://list'], 'bob'))
    await stream.next()
    allowed = new Set(['nobody knows'])
    entry.notify.resourceUpdated('note://list')
    entry.notify.toolsChanged()
    expect(await stream.next()).toBe('tools/list_changed')
    expect(updates()).toMatchObject([{ decision: { reason: 'guard_error' } }])
    await stream.close()
  })

  test('is forgotten by the handler when its client leaves, and when it ends', async () => {
    const { url, entry } = await start(true)
    const count = () => (entry.bus as unknown as { readonly listenerCount: number }).listenerCount
    const left = read(await listen(url, ['note://acme'], 'bob'))
    const ended = read(await listen(url, ['note://acme'], 'bob'))
    await Promise.all([left.next(), ended.next()])
    expect(count()).toBe(2)
    await left.close()
    await vi.waitUntil(() => count() === 1, 30_000)
    time = (callers.get('bob')?.expiresAt ?? 0) + 61
    entry.notify.toolsChanged()
    expect(await ended.next()).toBe('end')
    await vi.waitUntil(() => count() === 0, 30_000)
  })

  test('ends instead of telling anything to an expired identity', async () => {
    const { url, entry } = await start(true)
    const stream = read(await listen(url, ['note://acme'], 'bob'))
    await stream.next()
    time = (callers.get('bob')?.expiresAt ?? 0) + 59
    entry.notify.toolsChanged()
    expect(await stream.next()).toBe('tools/list_changed')
    time += 2
    entry.notify.toolsChanged()
    expect(await stream.next()).toBe('end')
  })
})

describe('subscriptions/listen with an audit trail', () => {
  test('is recorded when it opens and when its client leaves', async () => {
    const listed = listTrail()
    audit = listed.trail
    const { url } = await start(true)
    const answer = await listen(url, ['note://acme'], 'ada')
    const reader = answer.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    await vi.waitFor(() => expect(listed.events).toHaveLength(2), 30_000)
    expect(listed.events).toMatchObject([
      { type: 'intent', method: 'subscriptions/listen', principal: { subject: 'ada' } },
      { type: 'result', intent: listed.events[0]?.id, outcome: 'cancelled' },
    ])
  })

  test('is recorded as refused, with the resource that it was refused for', async () => {
    const listed = listTrail()
    audit = listed.trail
    const { url } = await start(true)
    await (await listen(url, ['note://acme'], 'eve')).text()
    expect(listed.events).toMatchObject([
      {
        type: 'refusal',
        method: 'resources/subscribe',
        target: { kind: 'resource', name: 'note://acme' },
        decision: { reason: 'org_mismatch' },
      },
    ])
  })

  test.each(['ada', 'eve'])('does not open for %s when it cannot be recorded', async (caller) => {
    audit = listTrail(() => true).trail
    const { url } = await start(true)
    const answer = await listen(url, ['note://acme'], caller)
    expect(answer.status).toBe(503)
    expect(await answer.text()).toContain('The call cannot be recorded')
  })
})
