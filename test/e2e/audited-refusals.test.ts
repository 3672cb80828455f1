import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuditTrail, fileSink, readLog, verifyLog } from '@onbehalf/audit'
import { createAuthenticator, forwarded, issuer } from '@onbehalf/core'
import { authenticate } from '@onbehalf/express'
import { protect, requireOrg, requireScope } from '@onbehalf/mcp'
import { createTokenMinter } from '@onbehalf/testing'
import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

const resource = 'https://mcp.example.com/mcp'
const directory = mkdtempSync(join(tmpdir(), 'onbehalf-refusals-'))
const canary = 'canary-6e1d0a7c'
const tokens: string[] = []
const trail = createAuditTrail({
  mode: 'strict',
  key: Buffer.alloc(32, 1),
  sink: fileSink({ directory, signer: null }),
})

async function createParties() {
  const people = await createTokenMinter({ issuer: 'https://people.example.com' })
  const gateway = await createTokenMinter({ issuer: 'https://gateway.example.com' })
  const keep = async (token: Promise<string>): Promise<string> => {
    tokens.push(await token)
    return token
  }
  return {
    people,
    gateway,
    person: (claims: object = {}, options = {}) => {
      const usual = {
        sub: 'ada',
        client_id: 'gateway-client',
        aud: resource,
        org_id: 'acme',
        canary,
      }
      return keep(people.mint({ ...usual, ...claims }, options))
    },
    machine: () => {
      const sub = 'gateway-client'
      return keep(gateway.mint({ sub, client_id: sub, aud: resource, canary }))
    },
  }
}

let parties: Awaited<ReturnType<typeof createParties>>
let url: string
let stop: () => void

beforeAll(async () => {
  parties = await createParties()
  const { people, gateway } = parties
  const via = issuer({
    iss: gateway.issuer,
    audience: resource,
    kind: 'by-client',
    clients: 'gateway-client',
    keys: { jwks: gateway.jwks as never },
  })
  const source = (keys: object) =>
    forwarded({
      header: 'x-user-token',
      issuer: issuer({
        iss: people.issuer,
        audience: resource,
        kind: 'by-client',
        keys: keys as never,
      }),
      gateway: via,
      bind: 'client',
    })
  const site = (keys: object) =>
    createAuthenticator({ resource, sources: [source(keys)], audit: trail })
  const app = express()
  // Nobody listens there.
  const dead = { jwksUri: 'http://127.0.0.1:1/jwks' }
  const session = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: () => 'session-1' })
  await createServer().connect(session)
  const handle = toNodeHandler(createMcpHandler(createServer))
  app.all('/down', authenticate(site(dead)))
  app.use(authenticate(site({ jwks: people.jwks })))
  app.all('/mcp', (req, res) => void handle(req, res))
  app.all('/session', (req, res) => void session.handleRequest(req, res))
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  stop = () => {
    server.closeAllConnections()
    server.close()
  }
})
afterAll(async () => {
  stop()
  await trail.close()
  rmSync(directory, { recursive: true })
})

function createServer(): McpServer {
  const server = protect(new McpServer({ name: 'invoices', version: '1.0.0' }), { audit: trail })
  const content = [{ type: 'text' as const, text: 'done' }]
  const inputSchema = z.object({})
  server.registerTool(
    'list',
    { inputSchema },
    requireOrg('globex', async () => ({ content })),
  )
  server.registerTool(
    'pay',
    { inputSchema },
    requireScope('pay', async () => ({ content })),
  )
  return server
}

type Headers = Readonly<Record<string, string>>

async function headersOf(person: Promise<string>): Promise<Headers> {
  return { authorization: `Bearer ${await parties.machine()}`, 'x-user-token': await person }
}

function post(path: string, headers: Headers, body: object): Promise<Response> {
  const accept = 'application/json, text/event-stream'
  return fetch(url + path, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
  })
}

const call = (name: string) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: {} },
})

async function openSession(headers: Headers): Promise<void> {
  const clientInfo = { name: 'test', version: '1.0.0' }
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
  await post('/session', headers, { jsonrpc: '2.0', id: 1, method: 'initialize', params })
}

interface Case {
  readonly what: string
  readonly send: () => Promise<Response>
  readonly status: number
  readonly recorded: object
}

const cases: readonly Case[] = [
  {
    what: 'no credential',
    send: () => post('/mcp', {}, call('list')),
    status: 401,
    recorded: { method: 'HTTP POST', decision: { code: 'MISSING', reason: 'no_credential' } },
  },
  {
    what: 'a token in the URL',
    send: () => post('/mcp?access_token=secret-in-url', {}, call('list')),
    status: 400,
    recorded: { method: 'HTTP POST', decision: { code: 'REQ', reason: 'token_in_query' } },
  },
  {
    what: 'an expired token',
    send: async () =>
      post('/mcp', await headersOf(parties.person({}, { expiresInSeconds: -3600 })), call('list')),
    status: 401,
    recorded: { decision: { code: 'TOK', reason: 'expired' }, credential: expect.anything() },
  },
  {
    what: 'the token of another gateway',
    send: async () =>
      post('/mcp', await headersOf(parties.person({ client_id: 'other' })), call('list')),
    status: 401,
    recorded: { decision: { code: 'BIND', reason: 'binding_client' } },
  },
  {
    what: 'keys that cannot be loaded',
    send: async () => post('/down', await headersOf(parties.person()), call('list')),
    status: 503,
    recorded: { decision: { code: 'DOWN' } },
  },
  {
    what: 'a missing scope',
    send: async () => post('/mcp', await headersOf(parties.person()), call('pay')),
    status: 403,
    recorded: {
      method: 'tools/call',
      target: { kind: 'tool', name: 'pay' },
      principal: { issuer: 'https://people.example.com', subject: 'ada', kind: 'user' },
      organization: { id: 'acme' },
      gateway: { issuer: 'https://gateway.example.com', client: 'gateway-client' },
      decision: { code: 'SCOPE', guard: 'scope', reason: 'scope_missing' },
    },
  },
  {
    what: "another caller's session",
    send: async () => {
      await openSession(await headersOf(parties.person({ sub: 'bob' })))
      const headers = { ...(await headersOf(parties.person())), 'mcp-session-id': 'session-1' }
      return post('/session', headers, call('list'))
    },
    status: 404,
    recorded: {
      method: 'HTTP POST',
      principal: { subject: 'ada' },
      decision: { code: 'SESS', reason: 'session_owner_mismatch' },
    },
  },
  {
    what: 'another organization',
    send: async () => post('/mcp', await headersOf(parties.person()), call('list')),
    status: 200,
    recorded: {
      method: 'tools/call',
      target: { kind: 'tool', name: 'list' },
      decision: { guard: 'organization', reason: 'org_mismatch' },
    },
  },
]

describe('T13 a refused request', () => {
  it.each(cases)('T13 is in the log: $what', async ({ send, status, recorded }) => {
    const before = (await readAll()).length
    const response = await send()
    await response.text()
    expect(response.status).toBe(status)
    const events = (await readAll()).slice(before)
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({ type: 'refusal', ...recorded })
  })

  it('T13 leaves nothing of a token or its claims in the log', async () => {
    const files = readdirSync(directory).map((file) => readFileSync(join(directory, file), 'utf8'))
    const log = files.join('\n')
    expect(log).toContain('org_mismatch')
    const pieces = tokens.flatMap((token) => token.split('.').slice(1))
    for (const piece of [...pieces, canary, 'secret-in-url']) expect(log).not.toContain(piece)
    expect(await verifyLog(directory)).toMatchObject({ ok: true })
  })
})

async function readAll() {
  const events = []
  for await (const { event } of readLog(directory)) events.push(event)
  return events
}
