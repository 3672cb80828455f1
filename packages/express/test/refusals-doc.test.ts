import { readFileSync } from 'node:fs'
import { type RequestListener, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuthenticator, direct, IdentityError, issuer, type Source } from '@onbehalf/core'
import { authenticate, resourceMetadata } from '@onbehalf/express'
import { protect, protectedHandler, requireOrg, requireScope } from '@onbehalf/mcp'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { serve } from '../../../test/adapters/support/http.ts'
import {
  adasHeaders,
  adasToken,
  authenticator,
  forwardedHeaders,
  metadataUrl,
  people,
  resource,
} from '../../../test/adapters/support/identities.ts'

const page = readFileSync(new URL('../../../docs/refusals.md', import.meta.url), 'utf8')
const shown = [...page.matchAll(/```http\n([\s\S]*?)\n```/g)].map(([, block]) => block ?? '')

/** An authenticator in front of the server that the page describes. */
type Serve = (protection: typeof authenticator) => RequestListener
type Answer = (app: Serve) => Promise<string>

const answers: readonly (readonly [string, Answer])[] = [
  ['no credential', (app) => ask(app, {})],
  [
    'a token that is refused',
    async (app) => ask(app, await adasHeaders({ aud: 'https://other.example' })),
  ],
  ['a broken binding', async (app) => ask(app, await forwardedHeaders(await adasToken()))],
  ['malformed credentials', (app) => ask(app, { authorization: 'Bearer' })],
  ['a missing scope', async (app) => ask(app, await adasHeaders({ scope: 'other' }))],
  ['keys that are unavailable', async (app) => askWithoutKeys(app, await adasHeaders())],
  ['a call that cannot be recorded', (app) => askFailing(app, 'AUDIT')],
  ["another caller's session", (app) => askFailing(app, 'SESS')],
  ['a limit that is reached', (app) => askFailing(app, 'LIMIT')],
  ['the metadata', (app) => ask(app, {}, { path: new URL(metadataUrl).pathname, method: 'GET' })],
  [
    'a tool of another organization',
    async (app) => call(app, 'list_invoices', await adasHeaders()),
  ],
  ['a prompt of another organization', async (app) => call(app, 'tax_advice', await adasHeaders())],
  ['a tool that needs consent', async (app) => call(app, 'close_books', await adasHeaders())],
]

describe('docs/refusals.md', () => {
  it.each(answers)('shows the real answer to %s', async (_case, answer) => {
    expect(shown).toContain(await answer(entry))
  })

  // What is granted stays in a challenge only where the server knows its authenticator.
  const same = answers.filter(([label]) => label !== 'a tool that needs consent')
  it.each(same)('shows what the middleware answers to %s', async (_case, answer) => {
    expect(shown).toContain(await answer(middleware))
  })

  it('shows nothing else', () => {
    expect(shown).toHaveLength(answers.length)
  })
})

interface Target {
  readonly path?: string
  readonly method?: string
  readonly body?: string
}

function ask(app: Serve, headers: Record<string, string>, target: Target = {}): Promise<string> {
  return send(app(authenticator), headers, target)
}

async function call(app: Serve, name: string, headers: Record<string, string>): Promise<string> {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: name === 'tax_advice' ? 'prompts/get' : 'tools/call',
    params: { name, arguments: { orgId: 'globex' } },
  })
  const accept = 'application/json, text/event-stream'
  return send(
    app(authenticator),
    { ...headers, accept, 'content-type': 'application/json' },
    { body },
  )
}

async function askWithoutKeys(app: Serve, headers: Record<string, string>): Promise<string> {
  const keys = await serve((_req, res) => res.writeHead(500).end())
  const remote = issuer({
    iss: people.issuer,
    audience: resource,
    kind: 'by-client',
    algorithms: ['ES256'],
    keys: { jwksUri: keys.href },
    monotonic: () => 0,
    random: () => 0.5,
  })
  const down = createAuthenticator({ resource, sources: [direct({ issuer: remote })] })
  return send(app(down), headers, {})
}

/** What one's own source may throw. */
function askFailing(app: Serve, code: 'AUDIT' | 'SESS' | 'LIMIT'): Promise<string> {
  const source: Source = {
    ...direct({ issuer: issuer({ iss: people.issuer, audience: resource, kind: 'by-client' }) }),
    applies: () => true,
    identify: () => Promise.reject(new IdentityError(code, { reason: 'own_rule' })),
  }
  return send(app(createAuthenticator({ resource, sources: [source] })), {}, {})
}

function entry(protection: typeof authenticator): RequestListener {
  const handler = protectedHandler(createMcpHandler, createServer, { authenticator: protection })
  const handle = toNodeHandler(handler)
  return (req, res) => void handle(req as Parameters<typeof handle>[0], res)
}

function middleware(protection: typeof authenticator): RequestListener {
  const app = express().disable('x-powered-by')
  app.use(resourceMetadata(protection))
  const handle = toNodeHandler(createMcpHandler(() => protect(createServer())))
  app.post('/mcp', authenticate(protection), express.json(), (req, res) => {
    void handle(req, res, req.body)
  })
  return app
}

function createServer(): McpServer {
  const server = new McpServer({ name: 'invoices', version: '1.0.0' })
  const inputSchema = z.object({ orgId: z.string() })
  const reply = () => ({ content: [] })
  const match = ({ orgId }: { orgId: string }): string => orgId
  server.registerTool('list_invoices', { inputSchema }, requireOrg({ match }, reply))
  server.registerTool('close_books', { inputSchema }, requireScope('books:close', reply))
  const noAdvice = () => ({ messages: [] })
  server.registerPrompt('tax_advice', { argsSchema: inputSchema }, requireOrg({ match }, noAdvice))
  return server
}

const ofTheConnection = new Set([
  'date',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'x-request-id',
])

/** The answer without the headers that Node adds to any answer, and the id of the request. */
async function send(
  app: RequestListener,
  headers: Record<string, string>,
  { path = '/mcp', method = 'POST', body = '' }: Target,
): Promise<string> {
  const url = new URL(path, await serve(app))
  return new Promise((resolve, reject) => {
    request(url, { method, headers, agent: false }, (response) => {
      const { statusCode, statusMessage } = response
      const lines = Object.entries(response.headers)
        .filter(([name]) => !ofTheConnection.has(name) && name !== 'content-length')
        .map(([name, value]) => `${name}: ${String(value)}`)
      const head = [`HTTP/1.1 ${statusCode} ${statusMessage}`, ...lines.toSorted()].join('\n')
      text(response).then((answer) => resolve(`${head}\n\n${answer.trimEnd()}`), reject)
    })
      .on('error', reject)
      .end(body)
  })
}
