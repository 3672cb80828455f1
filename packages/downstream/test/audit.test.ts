import { randomUUID } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Client, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { type AuditEvent, createAuditTrail } from '@onbehalf/audit'
import type { AuditTrail } from '@onbehalf/core'
import type { Downstream } from '@onbehalf/downstream'
import { protect, protectedHandler, requireUser } from '@onbehalf/mcp'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { createWorld, failWith, issueToken, type World } from './support/scripted.ts'
import { json, resource } from './support/world.ts'

let world: World
let downstream: Downstream<'ledger'>
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())
beforeEach(() => {
  downstream = world.create()
  world.tokens.answer = issueToken
  world.api.received.length = 0
})

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

function createTrail(isLost: (event: AuditEvent) => boolean = () => false) {
  const events: AuditEvent[] = []
  const trail = createAuditTrail({
    mode: 'strict',
    key: Buffer.alloc(32, 7),
    sink: async (event) => {
      if (isLost(event)) throw new Error('disk full')
      events.push(event)
    },
  })
  return { trail, events }
}

const tool = () =>
  requireUser(async (_args: object, ctx) => {
    const answer = await downstream.ledger.fetch(ctx, '/me')
    return { content: [{ type: 'text' as const, text: `status ${answer.status}` }] }
  })

interface Caller {
  call(): Promise<string>
  close(): Promise<void>
}

const info = { name: 'test', version: '1.0.0' }
const inputSchema = z.object({})
const request = { name: 'read', arguments: {}, _meta: { traceparent } }

function textOf(result: unknown): string {
  return (result as { content: { text: string }[] }).content[0]?.text ?? ''
}

/** SDK v2. */
async function callerOfV2(audit: AuditTrail): Promise<Caller> {
  const createServer = (): McpServer => {
    const server = new McpServer(info)
    server.registerTool('read', { inputSchema }, tool())
    return server
  }
  const { authenticator } = world
  const handler = protectedHandler(createMcpHandler, createServer, { authenticator, audit })
  const client = new Client(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  await client.connect((await transportTo(handler.fetch)) as Transport)
  return {
    call: async () => textOf(await client.callTool(request)),
    close: () => client.close(),
  }
}

/** SDK v1, with a session. */
async function callerOfV1(audit: AuditTrail): Promise<Caller> {
  const { authenticator } = world
  const server = protect(new McpServerV1(info), { authenticator, audit })
  server.registerTool('read', { inputSchema: {} }, tool() as never)
  const front = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: randomUUID })
  await server.connect(front)
  const client = new ClientV1(info)
  const transport = await transportTo((received) => front.handleRequest(received))
  await client.connect(transport as never)
  return {
    call: async () => textOf(await client.callTool(request)),
    close: () => client.close(),
  }
}

async function transportTo(
  serve: (request: Request) => Promise<Response>,
): Promise<StreamableHTTPClientTransport> {
  const token = await world.minter.mint({ sub: 'ada', aud: resource, jti: 'subject-1' })
  return new StreamableHTTPClientTransport(new URL(resource), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
    fetch: (url, init) => serve(new Request(url, init)),
  })
}

describe.each([
  ['SDK v2', callerOfV2],
  ['SDK v1', callerOfV1],
] as const)('a call of an API below a handler of %s', (_kind, connect) => {
  it('is in the chain of its call: fresh, cached and refused', async () => {
    const { trail, events } = createTrail()
    const caller = await connect(trail)
    expect(await caller.call()).toBe('status 200')
    expect(await caller.call()).toBe('status 200')
    downstream = world.create()
    world.tokens.answer = failWith('consent_required')
    expect(await caller.call()).toBe(
      'The user has to give consent first (ledger: consent_required).',
    )
    await caller.close()
    expect(events.map(({ type }) => type)).toEqual(
      Array.from({ length: 3 }, () => ['intent', 'exchange', 'result']).flat(),
    )
    const exchanges = events.filter(({ type }) => type === 'exchange')
    const intents = events.filter(({ type }) => type === 'intent')
    const common = { api: 'ledger', grant: 'token_exchange', scopes: [] }
    expect(exchanges.map(({ exchange }) => exchange)).toEqual([
      { ...common, outcome: 'fresh' },
      { ...common, outcome: 'cached' },
      { ...common, outcome: 'refused', reason: 'consent_required' },
    ])
    expect(exchanges.map(({ intent }) => intent)).toEqual(intents.map(({ id }) => id))
    for (const { principal, credential, target } of exchanges) {
      expect(principal?.subject).toBe('ada')
      expect(credential).toEqual({ jti: 'subject-1' })
      expect(target).toEqual({ kind: 'tool', name: 'read' })
    }
  })

  it('names the token that was obtained by its id', async () => {
    const { trail, events } = createTrail()
    world.tokens.answer = async (_request, res) =>
      json(res, 200, {
        access_token: await world.minter.mint({ jti: 'api-1' }),
        token_type: 'Bearer',
        expires_in: 300,
      })
    const caller = await connect(trail)
    await caller.call()
    await caller.close()
    expect(events.find(({ exchange }) => exchange)?.exchange?.tokenId).toBe('api-1')
  })

  it('does not happen where a strict trail cannot record it', async () => {
    const { trail } = createTrail(({ type }) => type === 'exchange')
    const caller = await connect(trail)
    expect(await caller.call()).toBe('The call cannot be recorded')
    await caller.close()
    expect(world.api.received).toEqual([])
  })

  it('leaves the traceparent to an instrumentation of fetch', async () => {
    const own = traceparent.replace('00f067aa0ba902b7', 'b7ad6b7169203331')
    const instrument = (message: unknown): void => {
      const { request } = message as { request: { addHeader(name: string, value: string): void } }
      request.addHeader('traceparent', own)
    }
    subscribe('undici:request:create', instrument)
    onTestFinished(() => void unsubscribe('undici:request:create', instrument))
    const { trail } = createTrail()
    const caller = await connect(trail)
    await caller.call()
    await caller.close()
    expect(world.api.received[0]?.headers['traceparent']).toBe(own)
  })

  it('hands the traceparent of its call on', async () => {
    const { trail } = createTrail()
    const caller = await connect(trail)
    await caller.call()
    await caller.close()
    expect(world.api.received[0]?.headers['traceparent']).toBe(traceparent)
  })
})
