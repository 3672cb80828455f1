import { StreamableHTTPTransport } from '@hono/mcp'
import { authenticate } from '@onbehalf/hono'
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
