import { randomUUID } from 'node:crypto'
import { PassThrough } from 'node:stream'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, type McpServer, OAuthError } from '@modelcontextprotocol/server'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import {
  allowPublic,
  createTokenVerifier,
  identityOf,
  protect,
  protectedHandler,
  requireOrg,
  requireScope,
  type ServerOptions,
} from '@onbehalf/mcp'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listTrail } from './support/audit.ts'
import { type Handle, host, modern, type Posted, post } from './support/http-host.ts'
import { type AnyServer, makeServer, nothing, reply } from './support/make-server.ts'
import type { Generation } from './support/raw.ts'
import { createTokenAuthenticator, mintToken, start } from './support/tokens.ts'

const now = () => start
const template = 'https://mcp.example.com/o/{organization}/mcp'
const at = (organization: string): string => template.replace('{organization}', organization)
const metadataAt = (organization: string): string =>
  `https://mcp.example.com/.well-known/oauth-protected-resource/o/${organization}/mcp`
const authenticator = createTokenAuthenticator(now, template)
const usual = { authenticator, clock: now }

function bearer(organization: string, claims: object = {}): Record<string, string> {
  const usualClaims = { sub: 'ada', org_id: 'acme', iat: start, exp: start + 300 }
  const token = mintToken({ ...usualClaims, aud: at(organization), ...claims })
  return { authorization: `Bearer ${token}` }
}

function createServer(generation: Generation): AnyServer {
  const server = makeServer(generation)
  const config = { inputSchema: nothing }
  server.registerTool(
    'about',
    config,
    allowPublic(async () => reply('about')),
  )
  server.registerTool(
    'members',
    config,
    requireOrg({ match: 'path' }, async (_args: object, ctx: unknown) =>
      reply(`members of ${identityOf(ctx)?.organization?.id}`),
    ),
  )
  server.registerTool(
    'pay',
    config,
    requireScope('pay', async () => reply('paid')),
  )
  return server
}

function byHand(options: ServerOptions = {}): Handle {
  return async (req, res, body) => {
    const server = protect(createServer('v1'), { ...usual, ...options })
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    await server.connect(transport as never)
    await transport.handleRequest(req as never, res, body)
  }
}

/** Sessions that outlive a request. */
function withSessions(): Handle {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  return async (req, res, body) => {
    const id = req.headers['mcp-session-id']
    const known = typeof id === 'string' ? sessions.get(id) : undefined
    if (known) return known.handleRequest(req as never, res, body)
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (fresh) => void sessions.set(fresh, transport),
      enableJsonResponse: true,
    })
    await protect(createServer('v1'), usual).connect(transport as never)
    return transport.handleRequest(req as never, res, body)
  }
}

function inOneEntry(options: ServerOptions = {}): Handle {
  const create = () => createServer('v2') as unknown as McpServer
  const handle = toNodeHandler(protectedHandler(createMcpHandler, create, { ...usual, ...options }))
  return (req, res, body) => handle(req as never, res as never, body)
}

type Send = (url: URL, method: string, params: object, headers?: object) => Promise<Posted>

const sendLegacy: Send = (url, method, params, headers = {}) =>
  post(url, { jsonrpc: '2.0', id: 1, method, params }, { ...headers })
const sendModern: Send = (url, method, params, headers = {}) => {
  const sent = modern(method, { ...params })
  return post(url, sent.body, { ...sent.headers, ...headers })
}

const ways = [
  { name: 'protect, SDK v1', handle: byHand, send: sendLegacy },
  { name: 'protectedHandler, 2025 era', handle: inOneEntry, send: sendLegacy },
  { name: 'protectedHandler, 2026-07-28', handle: inOneEntry, send: sendModern },
]

async function serve(handle: Handle): Promise<(organization: string) => URL> {
  const open = await host(handle)
  onTestFinished(() => open.close())
  return (organization) => new URL(`/o/${organization}/mcp`, open.url)
}

const tool = (name: string) => ({ name, arguments: {} })
const textOf = ({ messages: [first] }: Posted): string | undefined =>
  (first?.result?.['content'] as { text: string }[] | undefined)?.[0]?.text
const challengeOf = ({ headers }: Posted): string => headers.get('www-authenticate') ?? ''

describe.each(ways)('a resource for each organization ($name)', ({ handle, send }) => {
  test('serves a caller at the path of their organization, and records it', async () => {
    const { trail, events } = listTrail()
    const place = await serve(handle({ audit: trail }))
    const answer = await send(place('acme'), 'tools/call', tool('members'), bearer('acme'))
    expect(textOf(answer)).toBe('members of acme')
    const resource = { id: at('acme'), organization: 'acme' }
    expect(events).toMatchObject([
      { type: 'intent', resource, organization: { id: 'acme' } },
      { type: 'result', resource },
    ])
  })

  test('answers a token for another organization with the metadata of the path', async () => {
    const { trail, events } = listTrail()
    const place = await serve(handle({ audit: trail }))
    const answer = await send(place('beta'), 'tools/call', tool('members'), bearer('acme'))
    expect(answer.status).toBe(401)
    expect(challengeOf(answer)).toContain(`resource_metadata="${metadataAt('beta')}"`)
    expect(events).toMatchObject([
      { type: 'refusal', resource: { id: at('beta'), organization: 'beta' } },
    ])
  })

  test('has the guard compare who the caller is with the path', async () => {
    const place = await serve(handle())
    const headers = bearer('beta', { org_id: 'acme' })
    const answer = await send(place('beta'), 'tools/call', tool('members'), headers)
    expect(answer.text).toContain('org_mismatch')
    const listed = await send(place('beta'), 'tools/list', {}, headers)
    expect(listed.text).toContain('pay')
    expect(listed.text).not.toContain('members')
  })

  test('asks for a scope at the resource of the path', async () => {
    const place = await serve(handle())
    const answer = await send(place('acme'), 'tools/call', tool('pay'), bearer('acme'))
    expect(answer.status).toBe(403)
    expect(challengeOf(answer)).toContain(`resource_metadata="${metadataAt('acme')}"`)
  })

  test('sends guests to the resource of the path', async () => {
    const place = await serve(handle({ guests: true }))
    expect(textOf(await send(place('acme'), 'tools/call', tool('about')))).toBe('about')
    const answer = await send(place('beta'), 'tools/call', tool('members'))
    expect(answer.status).toBe(401)
    expect(challengeOf(answer)).toContain(`resource_metadata="${metadataAt('beta')}"`)
  })
})

test('a session belongs to the resource that it was opened at', async () => {
  const place = await serve(withSessions())
  const headers = bearer('acme', { aud: [at('acme'), at('beta')] })
  const clientInfo = { name: 'raw', version: '1' }
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
  const opened = await sendLegacy(place('acme'), 'initialize', params, headers)
  const id = opened.headers.get('mcp-session-id') ?? ''
  const call = (organization: string) =>
    sendLegacy(place(organization), 'tools/call', tool('members'), {
      ...headers,
      'mcp-session-id': id,
    })
  expect(textOf(await call('acme'))).toBe('members of acme')
  expect((await call('beta')).status).toBe(404)
})

describe('real clients at the path of an organization', () => {
  test.each(['v1', 'v2'] as const)('call from SDK %s', async (generation) => {
    const place = await serve(inOneEntry())
    const info = { name: 'client', version: '1.0.0' }
    const client = generation === 'v1' ? new ClientV1(info) : new ClientV2(info)
    const Transport = (generation === 'v1' ? TransportV1 : TransportV2) as typeof TransportV2
    const transport = new Transport(place('acme'), { requestInit: { headers: bearer('acme') } })
    onTestFinished(() => client.close())
    await client.connect(transport as never)
    const { content } = (await client.callTool({ name: 'members' })) as { content: unknown }
    expect(content).toEqual([{ type: 'text', text: 'members of acme' }])
  })
})

describe('what has no path', () => {
  test('cannot be a stdio server', async () => {
    const server = protect(createServer('v2'), { ...usual, token: mintToken({}) })
    const transport = new StdioServerTransport(new PassThrough(), new PassThrough())
    await expect(async () => server.connect(transport as never)).rejects.toThrow(
      'a transport without paths needs an authenticator with one resource',
    )
  })

  test('cannot be a token verifier', () => {
    expect(() => createTokenVerifier(authenticator, { OAuthError })).toThrow(
      'a token verifier gets the bearer token alone, not the path of a request',
    )
  })
})
