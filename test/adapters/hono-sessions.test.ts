import { StreamableHTTPTransport } from '@hono/mcp'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { authenticate } from '@onbehalf/hono'
import { protect, requireUser } from '@onbehalf/mcp'
import { type Context, Hono } from 'hono'
import { expect, it } from 'vitest'
import { adasHeaders, authenticator } from './support/identities.ts'
import { createV1 } from './support/invoice-servers.ts'

const bob = { sub: 'bob' }

/** One transport of `@hono/mcp`, whose session is called `session-1`. */
async function createApp() {
  const transport = new StreamableHTTPTransport({ sessionIdGenerator: () => 'session-1' })
  await createV1().connect(transport as never)
  const app = new Hono()
  app.all('/mcp', authenticate(authenticator), (c) => transport.handleRequest(c as Context))
  const send = async (
    method: string,
    claims: object,
    more: Record<string, string>,
    body?: object,
  ) =>
    app.request('/mcp', {
      method,
      headers: {
        ...(await adasHeaders({ ...claims })),
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...more,
      },
      ...(body && { body: JSON.stringify(body) }),
    })
  const clientInfo = { name: 'test', version: '1.0.0' }
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
  const opened = await send('POST', {}, {}, { jsonrpc: '2.0', id: 1, method: 'initialize', params })
  expect(opened.headers.get('mcp-session-id')).toBe('session-1')
  await opened.text()
  return send
}

const own = { 'mcp-session-id': 'session-1' }
const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' }

it.each([
  ['POST', list],
  ['GET', undefined],
  ['DELETE', undefined],
])(
  'C10 answers a %s in the session of another user as if there were none',
  async (method, body) => {
    const send = await createApp()
    const foreign = await send(method, bob, own, body)
    const unknown = await send('POST', {}, { 'mcp-session-id': 'made-up' }, list)
    expect([foreign.status, await foreign.json()]).toEqual([unknown.status, await unknown.json()])
    expect(foreign.status).toBe(404)
    expect((await send('POST', {}, own, list)).status).toBe(200)
  },
)

/** One server and one transport for everyone, without sessions. */
async function createSharedApp() {
  const gates = new Map<string, () => void>()
  const server = protect(new McpServer({ name: 'shared', version: '1.0.0' }))
  server.registerTool(
    'whoami',
    { inputSchema: {} },
    requireUser(async (_args: object, { identity }) => {
      await new Promise<void>((resolve) => gates.set(identity.subject, resolve))
      return { content: [{ type: 'text' as const, text: identity.subject }] }
    }),
  )
  const transport = new StreamableHTTPTransport()
  await server.connect(transport as never)
  const app = new Hono()
  app.all('/mcp', authenticate(authenticator), (c) => transport.handleRequest(c as Context))
  const call = async (sub: string, id: number) =>
    app.request('/mcp', {
      method: 'POST',
      headers: {
        ...(await adasHeaders({ sub })),
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'whoami', arguments: {} },
      }),
    })
  const isRunning = (sub: string) => expect.poll(() => gates.has(sub)).toBe(true)
  return { call, isRunning, end: (sub: string) => gates.get(sub)?.() }
}

it('gives each of two callers at once their own answer on a shared transport', async () => {
  const { call, isRunning, end } = await createSharedApp()
  const [adas, bobs] = await Promise.all([call('ada', 1), call('bob', 2)])
  await isRunning('ada')
  await isRunning('bob')
  end('bob')
  end('ada')
  const texts = await Promise.all([adas.text(), bobs.text()])
  expect(texts[0]).toContain('"text":"ada"')
  expect(texts[1]).toContain('"text":"bob"')
})

it('refuses a request id that another caller uses on a shared transport', async () => {
  const { call, isRunning, end } = await createSharedApp()
  // The transport forgets where the first answer belongs: it is lost, and nobody gets it.
  await call('ada', 1)
  await isRunning('ada')
  const bobs = await call('bob', 1)
  end('ada')
  const text = await bobs.text()
  expect(text).toContain('Request id already in use')
  expect(text).not.toContain('ada')
})
