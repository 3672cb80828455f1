import { randomUUID } from 'node:crypto'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from '@modelcontextprotocol/client'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import { type Downstream, tokenExchange } from '@onbehalf/downstream'
import { createElicitations, protect, protectedHandler, requireUser } from '@onbehalf/mcp'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import {
  createWorld,
  failWith,
  issueToken,
  client as oauthClient,
  type World,
} from '../../packages/downstream/test/support/scripted.ts'
import { json, resource, serve } from '../../packages/downstream/test/support/world.ts'

const info = { name: 'test', version: '1.0.0' }
const inputSchema = z.object({ progress: z.boolean().optional() })
const metadataUrl = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp'
const consentUrl = (id: string): string => `https://mcp.example.com/connect/${id}`

let world: World
let downstream: Downstream<'ledger'>
/** Whether users have given their consent. */
let hasConsent: boolean
const elicitations = createElicitations()

beforeAll(async () => {
  world = await createWorld({ scopesSupported: ['mcp', 'mcp.write'] })
})
afterAll(() => world.close())
beforeEach(() => {
  hasConsent = true
  useApi()
  world.tokens.answer = (request, res) =>
    hasConsent ? issueToken(request, res) : failWith('consent_required')(request, res)
  world.api.answer = (_request, res) => json(res, 200, { ok: true })
})

/** An API whose authorization server is the users' own, unless it is said to be another. */
function useApi(issuer = world.minter.issuer, more: object = {}): void {
  const tokenEndpoint = `${world.tokens.url}/token`
  const grant = tokenExchange({ issuer, tokenEndpoint, client: oauthClient })
  const scopes = ['ledger.read', 'ledger.list']
  downstream = world.create({ audience: 'ledger', scopes, grant, ...more })
}

interface Sender {
  readonly sendNotification?: (message: object) => Promise<void>
  readonly mcpReq?: { readonly notify: (message: object) => Promise<void> }
}

const tool = requireUser(async ({ progress }: z.infer<typeof inputSchema>, ctx: Sender) => {
  const method = 'notifications/progress'
  const message = { method, params: { progressToken: 'p', progress: 1 } }
  if (progress) await (ctx.sendNotification ?? ctx.mcpReq?.notify)?.(message)
  const answer = await downstream.ledger.fetch(ctx, '/me')
  return { content: [{ type: 'text' as const, text: `status ${answer.status}` }] }
})

const uri = 'ledger://me'
const resourceReader = requireUser(async (_uri: URL, ctx: object) => {
  const { status } = await downstream.ledger.fetch(ctx, '/me')
  return { contents: [{ uri, text: `status ${status}` }] }
})
const promptReader = requireUser(async (_args: object, ctx: object) => {
  const { status } = await downstream.ledger.fetch(ctx, '/me')
  const content = { type: 'text' as const, text: `status ${status}` }
  return { messages: [{ role: 'user' as const, content }] }
})

function createV1(): McpServerV1 {
  const server = protect(new McpServerV1(info), { authenticator: world.authenticator })
  server.registerTool('read', { inputSchema: inputSchema.shape }, tool as never)
  server.registerResource('read', uri, {}, resourceReader as never)
  server.registerPrompt('read', { argsSchema: {} }, promptReader as never)
  return server
}

function createV2(options: Parameters<typeof protect>[1] = {}): McpServerV2 {
  const server = protect(new McpServerV2(info), options)
  server.registerTool('read', { inputSchema }, tool as never)
  server.registerResource('read', uri, {}, resourceReader as never)
  server.registerPrompt('read', { argsSchema: z.object({}) }, promptReader as never)
  return server
}

type Handle = Parameters<typeof serve>[0]

const v1Stateless: Handle = async (req, res) => {
  const transport = new StreamableHTTPServerTransport({})
  res.on('close', () => void transport.close())
  await createV1().connect(transport as never)
  await transport.handleRequest(req, res)
}

function withSessions(open: (keep: (id: string) => void) => Promise<Transport>): Handle {
  const sessions = new Map<unknown, Transport>()
  return async (req, res) => {
    const known = sessions.get(req.headers['mcp-session-id'])
    if (known !== undefined) return known.handleRequest(req, res)
    const opened = await open((id) => sessions.set(id, opened))
    await opened.handleRequest(req, res)
  }
}

type Transport = Pick<StreamableHTTPServerTransport, 'handleRequest'>

const v1Sessions = (enableJsonResponse: boolean) => (): Handle =>
  withSessions(async (onsessioninitialized) => {
    const options = { sessionIdGenerator: randomUUID, onsessioninitialized, enableJsonResponse }
    const transport = new StreamableHTTPServerTransport(options)
    await createV1().connect(transport as never)
    return transport
  })

const v2Sessions = (): Handle =>
  withSessions(async (onsessioninitialized) => {
    const options = { sessionIdGenerator: randomUUID, onsessioninitialized }
    const transport = new NodeStreamableHTTPServerTransport(options)
    await createV2({ authenticator: world.authenticator }).connect(transport)
    return transport as unknown as Transport
  })

const v2Entry = (): Handle => {
  const { authenticator } = world
  const handler = protectedHandler(createMcpHandler, () => createV2(), { authenticator })
  const handle = toNodeHandler(handler)
  return (req, res) => handle(req as never, res)
}

/** What a client saw of one call. */
interface Called {
  /** What was answered. */
  readonly text?: string
  /** What the client threw. */
  readonly thrown?: { readonly code?: unknown; readonly elicitations?: readonly Asked[] }
  readonly status: number | undefined
  readonly challenge: string | null | undefined
}

interface Asked {
  readonly url: string
  readonly elicitationId?: string
}

interface Connected {
  readonly call: (args?: object) => Promise<Called>
  readonly readResource: () => Promise<Called>
  readonly getPrompt: () => Promise<Called>
  /** What the client was asked to open within a call. */
  readonly asked: Asked[]
}

/** What the user does with an address: open it, or not. */
type Answer = (asked: Asked) => Promise<'accept' | 'decline'>

interface Client {
  setRequestHandler(method: never, handler: never): void
  connect(transport: never): Promise<void>
  callTool(request: { name: string; arguments: object }): Promise<unknown>
  readResource(request: { uri: string }): Promise<unknown>
  getPrompt(request: { name: string; arguments: object }): Promise<unknown>
  close(): Promise<void>
}

async function connect(way: Way, answer?: Answer): Promise<Connected> {
  const server = await serve(way.serve())
  const claims = { sub: 'ada', aud: resource, scope: 'mcp other', org_id: 'acme' }
  const token = await world.minter.mint(claims)
  const last: { response?: Response } = {}
  const options = {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
    fetch: async (url: string | URL, init?: RequestInit) => {
      const response = await fetch(url, init)
      const { body } = init ?? {}
      if (typeof body === 'string' && answered.test(body)) last.response = response
      return response
    },
  }
  const capabilities = answer ? { elicitation: { url: {} } } : {}
  const client = way.client(capabilities)
  const asked: Asked[] = []
  if (answer && way.isModern) {
    client.setRequestHandler(
      'elicitation/create' as never,
      (async ({ params }: never) => {
        asked.push(params)
        return { action: await answer(params) }
      }) as never,
    )
  }
  const Http = way.isV1Client ? HttpV1 : HttpV2
  await client.connect(new Http(new URL(server.url), options) as never)
  onTestFinished(async () => {
    await client.close()
    await server.close()
  })
  async function see(answer: Promise<unknown>): Promise<Called> {
    const outcome = await answer.then(
      (result) => ({ text: textIn(result) }),
      (thrown: unknown) => ({ thrown: thrown as NonNullable<Called['thrown']> }),
    )
    const { status, headers } = last.response ?? {}
    return { ...outcome, status, challenge: headers?.get('www-authenticate') }
  }
  return {
    asked,
    call: (args = {}) => see(client.callTool({ name: 'read', arguments: args })),
    readResource: () => see(client.readResource({ uri })),
    getPrompt: () => see(client.getPrompt({ name: 'read', arguments: {} })),
  }
}

const answered = /"(?:tools\/call|resources\/read|prompts\/get)"/

interface Answered {
  readonly content?: readonly { readonly text: string }[]
  readonly contents?: readonly { readonly text: string }[]
  readonly messages?: readonly { readonly content: { readonly text: string } }[]
}

function textIn(result: unknown): string {
  const { content, contents, messages } = result as Answered
  return (content ?? contents ?? messages?.map((message) => message.content))?.[0]?.text ?? ''
}

interface Way {
  readonly way: string
  serve(): Handle
  client(capabilities: object): Client
  readonly isV1Client?: boolean
  readonly isModern?: boolean
  /** Whether its servers are made for each request, and do not hear their clients introduce themselves. */
  readonly isUnheard?: boolean
  /** Whether its answers are streams. */
  readonly streams: boolean
}

const clientV1 = (capabilities: object): Client => new ClientV1(info, { capabilities }) as never
const clientV2 =
  (mode: 'legacy' | { readonly pin: '2026-07-28' }) =>
  (capabilities: object): Client =>
    new ClientV2(info, { capabilities, versionNegotiation: { mode } }) as never

const v1 = { client: clientV1, isV1Client: true, streams: true }
const v2 = { client: clientV2('legacy'), streams: true }
const modern = { client: clientV2({ pin: '2026-07-28' }), isModern: true, streams: true }

const ways: readonly Way[] = [
  { way: 'SDK v1 without sessions', ...v1, serve: () => v1Stateless, isUnheard: true },
  { way: 'SDK v1', ...v1, serve: v1Sessions(false) },
  { way: 'SDK v1 with JSON answers', ...v1, serve: v1Sessions(true), streams: false },
  { way: 'SDK v2 with sessions', ...v2, serve: v2Sessions },
  { way: 'SDK v2, 2025-11-25', ...v2, serve: v2Entry, isUnheard: true },
  { way: 'SDK v2, 2026-07-28', ...modern, serve: v2Entry },
]

describe.each(ways)('a call of an API below $way', (way) => {
  it('is answered as usual while nothing is missing', async () => {
    const { call } = await connect(way)
    expect(await call()).toMatchObject({ text: 'status 200', status: 200 })
    expect(await call({ progress: true })).toMatchObject({ text: 'status 200', status: 200 })
  })

  const scopes = 'scope="mcp other ledger.read ledger.list"'

  it.each([
    ['insufficient_scope', scopes],
    ['invalid_scope', scopes],
    ['consent_required', scopes],
    ['interaction_required', scopes],
  ])('asks for all scopes by 403 where its own issuer says %s', async (error, expected) => {
    world.tokens.answer = failWith(error)
    const called = await (await connect(way)).call()
    expect(called.status).toBe(403)
    expect(called.challenge).toBe(
      'Bearer error="insufficient_scope", ' +
        'error_description="The access token lacks a required scope", ' +
        `${expected}, resource_metadata="${metadataUrl}"`,
    )
    expect(called.thrown).toBeDefined()
  })

  it('asks for a stronger sign-in by 403', async () => {
    const challenge =
      'Bearer error="insufficient_user_authentication", acr_values="mfa \\"hw\\"", max_age="300"'
    world.api.answer = (_request, res) => json(res, 401, {}, { 'www-authenticate': challenge })
    const called = await (await connect(way)).call()
    expect(called.status).toBe(403)
    expect(called.challenge).toBe(
      'Bearer error="insufficient_user_authentication", ' +
        'error_description="The user has to sign in with a stronger method", ' +
        `scope="mcp other", resource_metadata="${metadataUrl}", acr_values="mfa hw", max_age="300"`,
    )
  })

  it('is a tool error where another sign-in would not help', async () => {
    useApi('https://other.example.com')
    world.tokens.answer = failWith('insufficient_scope')
    const { call } = await connect(way)
    expect(await call()).toMatchObject({
      text: 'The user lacks a permission that this call needs (ledger: insufficient_scope).',
      status: 200,
    })
    useApi()
    // The API names a scope that this server never asks for.
    world.tokens.answer = issueToken
    const wide = 'Bearer error="insufficient_scope", scope="admin"'
    world.api.answer = (_request, res) => json(res, 403, {}, { 'www-authenticate': wide })
    expect(await call()).toMatchObject({
      text: 'The user lacks a permission that this call needs (ledger: insufficient_scope).',
      status: 200,
    })
  })

  it.each([
    ['invalid_grant', 'Access to the API was refused (ledger: exchange_refused).'],
    ['invalid_client', 'Access to the API was refused (ledger: client_refused).'],
  ])('is a tool error with fixed text for %s', async (error, text) => {
    world.tokens.answer = failWith(error, { error_description: 'ada@example.com' })
    expect(await (await connect(way)).call()).toMatchObject({ text, status: 200 })
  })

  it.runIf(way.streams)('is a tool error once its stream has begun', async () => {
    world.tokens.answer = failWith('insufficient_scope')
    const { call } = await connect(way)
    expect(await call({ progress: true })).toMatchObject({
      text: 'The user lacks a permission that this call needs (ledger: insufficient_scope).',
      status: 200,
    })
  })

  it.each(['readResource', 'getPrompt'] as const)('is the same within %s', async (read) => {
    const connected = await connect(way, async () => {
      hasConsent = true
      return 'accept'
    })
    expect(await connected[read]()).toMatchObject({ text: 'status 200', status: 200 })

    // A server without kept tokens.
    useApi()
    world.tokens.answer = failWith('insufficient_scope')
    const challenged = await connected[read]()
    expect(challenged.status).toBe(403)
    expect(challenged.challenge).toContain(`error="insufficient_scope"`)
    expect(challenged.challenge).toContain(scopes)

    useApi()
    world.tokens.answer = failWith('invalid_grant', { error_description: 'ada@example.com' })
    const { thrown, status } = await connected[read]()
    expect(status).toBe(200)
    expect(String((thrown as Error).message)).toContain('Access to the API was refused')
    expect(String((thrown as Error).message)).not.toContain('ada@')

    hasConsent = false
    world.tokens.answer = (request, res) =>
      hasConsent ? issueToken(request, res) : failWith('consent_required')(request, res)
    useApi(world.minter.issuer, { consent: { page: consentUrl, elicitations } })
    const first = await connected[read]()
    expect(first.thrown?.elicitations ?? connected.asked).toHaveLength(1)
    hasConsent = true
    expect(way.isModern ? first : await connected[read]()).toMatchObject({ text: 'status 200' })
  })

  describe('with a page for consent', () => {
    beforeEach(() => {
      hasConsent = false
      useApi(world.minter.issuer, { consent: { page: consentUrl, elicitations } })
    })

    it('sends this very user there', async () => {
      const { call, asked } = await connect(way, async () => {
        hasConsent = true
        return 'accept'
      })
      const first = await call()
      const sent = first.thrown?.elicitations ?? asked
      expect(first.thrown?.code).toBe(way.isModern ? undefined : -32_042)
      expect(sent).toHaveLength(1)
      const id = sent[0]?.url.replace(consentUrl(''), '') ?? ''
      expect(sent[0]?.elicitationId).toBe(way.isModern ? undefined : id)
      const [ada, bob] = [await world.as('ada'), await world.as('bob')]
      expect(await elicitations.isFor(id, ada)).toBe(true)
      expect(await elicitations.isFor(id, bob)).toBe(false)
      hasConsent = true
      const second = way.isModern ? first : await call()
      expect(second).toMatchObject({ text: 'status 200', status: 200 })
    })

    it('is a tool error for a client that cannot open it', async () => {
      const called = await (await connect(way)).call()
      const text = 'The user has to give consent first (ledger: consent_required).'
      // A server that is made for each request does not know what its client can do.
      const expected = way.isUnheard ? { thrown: { code: -32_042 } } : { text, status: 200 }
      expect(called).toMatchObject(expected)
    })

    it.runIf(way.isModern)('is a tool error once the user declined', async () => {
      const { call, asked } = await connect(way, async () => 'decline')
      expect(await call()).toMatchObject({
        text: 'The user has to give consent first (ledger: consent_required).',
      })
      expect(asked).toHaveLength(1)
    })
  })
})
