import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server'
import { protect, requireOrg } from '@onbehalf/mcp'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { listTrail } from './support/audit.ts'
import { type Handle, host, modern, type Posted, post } from './support/http-host.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, type Generation } from './support/raw.ts'

const { trail, events } = listTrail()

function makeGuarded(generation: Generation) {
  const server = protect(makeServer(generation), { audit: trail })
  const hello = requireOrg(async (_args: object, { identity }) => reply(identity.subject))
  const secret = requireOrg('acme', async (_args: object) => reply('secret'))
  server.registerTool('hello', { inputSchema: nothing }, hello)
  server.registerTool('secret', { inputSchema: nothing }, secret)
  return server
}

/** One session, which the first request opens. */
function inSession(generation: Generation): Handle {
  const options = { sessionIdGenerator: () => randomUUID() }
  const transport =
    generation === 'v1'
      ? new StreamableHTTPServerTransport(options)
      : new NodeStreamableHTTPServerTransport(options)
  const connected = makeGuarded(generation).connect(transport as never)
  return async (req, res, body) => {
    await connected
    await transport.handleRequest(req as never, res as never, body)
  }
}

type Send = (url: URL, name: string, caller: string) => Promise<Posted>

const sendInSession: Send = async (url, name, caller) => {
  const clientInfo = { name: 'raw', version: '1' }
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
  const hello = { jsonrpc: '2.0', id: 0, method: 'initialize', params }
  const { headers } = await post(url, hello, { 'x-caller': caller })
  const session = headers.get('mcp-session-id') ?? ''
  return post(url, call(1, name), { 'mcp-session-id': session, 'x-caller': caller })
}

const sendModern: Send = (url, name, caller) => {
  const { body, headers } = modern('tools/call', { name, arguments: {} })
  return post(url, body, { ...headers, 'x-caller': caller })
}

const sendLegacy: Send = (url, name, caller) => post(url, call(1, name), { 'x-caller': caller })

const entry = toNodeHandler(createMcpHandler(() => makeGuarded('v2') as unknown as McpServer))
const handleEntry: Handle = (req, res, body) => entry(req as never, res as never, body)

afterEach(() => {
  vi.restoreAllMocks()
  events.length = 0
})

// Before Node.js 24, following calls costs every promise of the process.
describe.each([
  ['a session of SDK v1', () => inSession('v1'), sendInSession],
  ['a session of SDK v2', () => inSession('v2'), sendInSession],
  ['createMcpHandler', () => handleEntry, sendModern],
  ['createMcpHandler in the older era', () => handleEntry, sendLegacy],
] as const)('%s, without currentIdentity', (_way, makeHandle, send) => {
  test.each([
    ['hello', 'ada', ['intent', 'result']],
    ['secret', 'eve', ['refusal']],
  ] as const)('serves %s to %s and follows no call', async (name, caller, recorded) => {
    const run = vi.spyOn(AsyncLocalStorage.prototype, 'run')
    const open = await host(makeHandle())
    const { status } = await send(open.url, name, caller)
    await open.close()
    expect(status).toBe(200)
    expect(events.map(({ type }) => type)).toEqual(recorded)
    expect(run).not.toHaveBeenCalled()
  })
})
