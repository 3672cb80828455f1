/**
 * One of several processes that serve the same resource: sessions of SDK v1 at `/v1`, SDK v2 at `/mcp`.
 * `instance.ts SETTINGS`, as JSON. Prints a line when it listens.
 */
import { randomUUID } from 'node:crypto'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuditTrail, fileSink, localSigner } from '@onbehalf/audit'
import { backChannelLogout, createAuthenticator, direct, dpop, issuer } from '@onbehalf/core'
import { user } from '@onbehalf/core/guards'
import { limit, redisLimits } from '@onbehalf/limits'
import { protect, protectedHandler, requireAll, requireUser } from '@onbehalf/mcp'
import { postgresSink, postgresStore } from '@onbehalf/postgres'
import { redisRevocations, redisStore } from '@onbehalf/redis'
import express from 'express'
import { Pool } from 'pg'
import { createClient } from 'redis'
import { z } from 'zod'
import type { InstanceSettings } from './servers.ts'

const settings = JSON.parse(process.argv[2] ?? '') as InstanceSettings
const { resource, prefix, points } = settings
const client = await createClient({ url: settings.redisUrl, disableOfflineQueue: true })
  .on('error', () => undefined)
  .connect()
const pool = new Pool({ connectionString: settings.postgresUrl, connectionTimeoutMillis: 2000 })
pool.on('error', () => undefined)

const signer = await localSigner(settings.keyFile)
const sink =
  settings.directory === undefined
    ? postgresSink({ connection: settings.postgresUrl, signer })
    : fileSink({ directory: settings.directory, signer })
await sink.ready()
const audit = createAuditTrail({
  sink,
  mode: 'strict',
  key: Buffer.alloc(32, 1),
  levels: { default: 'arguments' },
})

const people = issuer({ iss: settings.issuer, audience: resource, kind: 'by-client' })
const authenticator = createAuthenticator({
  resource,
  sources: [direct({ issuer: people })],
  confirmations: [dpop({ store: redisStore({ client, prefix }) })],
  revocations: redisRevocations({ client, prefix, whenStale: 'refuse' }),
  audit,
})
await authenticator.ready()

const perUser = limit({
  name: 'limited',
  per: 'user',
  points,
  seconds: 600,
  store: redisLimits({ client, prefix }),
  whenStoreFails: 'closed',
})
const inputSchema = z.object({ call: z.string() })
const shape = { inputSchema: inputSchema.shape }

/** Says who was served, and which call it was. */
const who = ({ call }: { call: string }, subject: string) => ({
  content: [{ type: 'text' as const, text: `${subject} ${call}` }],
})

function createServer(): McpServer {
  const server = new McpServer({ name: 'instances', version: '1.0.0' })
  server.registerTool(
    'whoami',
    { inputSchema },
    requireUser((args, ctx) => who(args, ctx.identity.subject)),
  )
  server.registerTool(
    'limited',
    { inputSchema },
    requireAll([user(), perUser], (args, ctx) => who(args, ctx.identity.subject)),
  )
  return server
}

const sessions = new Map<string, StreamableHTTPServerTransport>()

async function openSession(): Promise<StreamableHTTPServerTransport> {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id) => void sessions.set(id, transport),
  })
  transport.onclose = () => void sessions.delete(transport.sessionId ?? '')
  const server = protect(new McpServerV1({ name: 'instances', version: '1.0.0' }), {
    authenticator,
    audit,
  })
  server.registerTool(
    'whoami',
    shape,
    requireUser((args: { call: string }, ctx) => who(args, ctx.identity.subject)),
  )
  await server.connect(transport as never)
  return transport
}

const app = express()
app.all('/v1', async (req, res) => {
  const id = req.header('mcp-session-id')
  const known = id === undefined ? await openSession() : sessions.get(id)
  if (known === undefined) return void res.status(404).end()
  await known.handleRequest(req, res)
})
const logout = backChannelLogout({
  authenticator,
  issuer: people,
  audience: 'instances',
  store: postgresStore({ pool, prefix }),
})
app.post('/logout', toNodeHandler({ fetch: logout }) as never)
const handle = toNodeHandler(
  protectedHandler(createMcpHandler, createServer, { authenticator, audit }),
)
app.all('/mcp', (req, res) => void handle(req as never, res))

const web = app.listen(settings.port, '127.0.0.1', () => console.log('listening'))
process.once('SIGTERM', () => {
  web.close()
  web.closeAllConnections()
  void audit.close().then(() => process.exit(0))
})
