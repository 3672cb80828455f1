import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type HttpBindings, serve } from '@hono/node-server'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import type { Authenticator } from '@onbehalf/core'
import { protect, protectedHandler } from '@onbehalf/mcp'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'

/** What one server of this process is made of. */
export interface Parts {
  readonly authenticator: Authenticator
  /** Registers tools on a server of either generation. */
  readonly addTools: (server: McpServerV1) => void
  /** Answers the readiness probe. */
  readonly isReady: () => boolean
}

const info = { name: 'drained', version: '1' }
const capabilities = { capabilities: { tools: { listChanged: true } } }

function createV2({ addTools }: Parts): McpServerV2 {
  const server = new McpServerV2(info, capabilities)
  // Of both generations this registers alike; the types of one of them do for the test.
  addTools(server as unknown as McpServerV1)
  return server
}

type ServeNode = (req: IncomingMessage, res: ServerResponse, body?: unknown) => Promise<void>

function createSessions({ authenticator, addTools }: Parts): ServeNode {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  return async (req, res, body) => {
    const id = req.headers['mcp-session-id']
    const known = sessions.get(String(id))
    if (known !== undefined) return known.handleRequest(req, res, body)
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (session) => void sessions.set(session, transport),
    })
    const server = protect(new McpServerV1(info, capabilities), { authenticator })
    addTools(server)
    await server.connect(transport as never)
    await transport.handleRequest(req, res, body)
  }
}

const statusOf = (parts: Parts) => (parts.isReady() ? 200 : 503)

function nodeV2(parts: Parts): Server {
  const { authenticator } = parts
  const handler = protectedHandler(createMcpHandler, () => createV2(parts), { authenticator })
  const mcp = toNodeHandler(handler)
  return createServer((req, res) => {
    if (req.url === '/readyz') res.writeHead(statusOf(parts)).end()
    else void mcp(req as Parameters<typeof mcp>[0], res)
  }).listen(0, '127.0.0.1')
}

function expressV1(parts: Parts): Server {
  const mcp = createSessions(parts)
  const app = express()
  app.get('/readyz', (_req, res) => void res.sendStatus(statusOf(parts)))
  app.all('/mcp', (req, res, next) => void mcp(req, res).catch(next))
  return app.listen(0, '127.0.0.1')
}

async function fastifyV1(parts: Parts): Promise<Server> {
  const mcp = createSessions(parts)
  const app = fastify({ forceCloseConnections: false })
  app.get('/readyz', (_request, reply) => reply.code(statusOf(parts)).send())
  app.all('/mcp', async (request, reply) => {
    reply.hijack()
    await mcp(request.raw, reply.raw, request.body)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app.server
}

function honoV2(parts: Parts): Server {
  const { authenticator } = parts
  const handler = protectedHandler(createMcpHandler, () => createV2(parts), { authenticator })
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.get('/readyz', (c) => c.body(null, statusOf(parts)))
  app.all('/mcp', (c) => handler.fetch(c.req.raw))
  return serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
}

/** Every way in which a server that is drained may listen. */
export const hosts: Readonly<Record<string, (parts: Parts) => Server | Promise<Server>>> = {
  'node:http with SDK v2': nodeV2,
  'Hono with SDK v2': honoV2,
  'Express with SDK v1': expressV1,
  'Fastify with SDK v1': fastifyV1,
}
