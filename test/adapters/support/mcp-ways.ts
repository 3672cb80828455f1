import type { RequestListener } from 'node:http'
import { StreamableHTTPTransport } from '@hono/mcp'
import { getRequestListener } from '@hono/node-server'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { WebStandardStreamableHTTPServerTransport as WebTransportV1 } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  createMcpHandler,
  WebStandardStreamableHTTPServerTransport as WebTransportV2,
} from '@modelcontextprotocol/server'
import type { Authenticated, Authenticator } from '@onbehalf/core'
import { withIdentity } from '@onbehalf/core/fetch'
import { authenticate as onFastify } from '@onbehalf/fastify'
import { authenticate as onHono } from '@onbehalf/hono'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'
import { createMcpHandler as createVercelHandler } from 'mcp-handler'
import { addTools, createV1, createV2 } from './invoice-servers.ts'

export interface McpWay {
  readonly name: string
  readonly mount: (authenticator: Authenticator) => RequestListener | Promise<RequestListener>
  /** Whether it speaks the 2026-07-28 revision. */
  readonly isModern: boolean
}

const handler = createMcpHandler(createV2)
const nodeHandler = toNodeHandler(handler)
const vercelHandler = createVercelHandler((server) => void addTools(server))

/** Every way in which an MCP server stands behind an adapter, with what people run there. */
export const mcpWays: readonly McpWay[] = [
  { name: 'fetch with SDK v2', mount: onFetch(serveV2), isModern: true },
  { name: 'fetch with a transport of SDK v2', mount: onFetch(serveTransportV2), isModern: false },
  { name: 'fetch with SDK v1', mount: onFetch(serveTransportV1), isModern: false },
  { name: 'fetch with mcp-handler', mount: onFetch(serveVercel), isModern: true },
  { name: 'Hono with SDK v2', mount: inHono(serveV2), isModern: true },
  { name: 'Hono with SDK v1', mount: inHono(serveTransportV1), isModern: false },
  { name: 'Hono with @hono/mcp', mount: withHonoTransport, isModern: false },
  { name: 'Fastify with SDK v2', mount: inFastify(serveNodeV2), isModern: true },
  { name: 'Fastify with SDK v1', mount: inFastify(serveNodeV1), isModern: false },
]

type AuthInfo = Authenticated['authInfo']
/** Answers an MCP request on web standards. */
type ServeWeb = (request: Request, authInfo: AuthInfo) => Promise<Response>

function serveV2(...[request, authInfo]: Parameters<ServeWeb>): Promise<Response> {
  return handler.fetch(request, { authInfo })
}

async function serveTransportV1(...[request, authInfo]: Parameters<ServeWeb>): Promise<Response> {
  const transport = new WebTransportV1()
  await createV1().connect(transport as never)
  return transport.handleRequest(request, { authInfo })
}

async function serveTransportV2(...[request, authInfo]: Parameters<ServeWeb>): Promise<Response> {
  const transport = new WebTransportV2()
  await createV2().connect(transport)
  return transport.handleRequest(request, { authInfo })
}

function serveVercel(...[request, authInfo]: Parameters<ServeWeb>): Promise<Response> {
  return vercelHandler(Object.assign(request, { auth: authInfo }))
}

function onFetch(serve: ServeWeb): McpWay['mount'] {
  return (authenticator) =>
    toListener(withIdentity(authenticator, (request, { authInfo }) => serve(request, authInfo)))
}

function inHono(serve: ServeWeb): McpWay['mount'] {
  return (authenticator) => {
    const app = new Hono()
    app.all('/mcp', onHono(authenticator), (c) => serve(c.req.raw, c.get('auth')))
    return toListener(app.fetch)
  }
}

function withHonoTransport(authenticator: Authenticator): RequestListener {
  const app = new Hono()
  app.all('/mcp', onHono(authenticator), async (c) => {
    const transport = new StreamableHTTPTransport()
    await createV1().connect(transport as never)
    return transport.handleRequest(c as Context)
  })
  return toListener(app.fetch)
}

function toListener(fetch: (request: Request) => Response | Promise<Response>): RequestListener {
  const listener = getRequestListener((request) => fetch(request))
  return (req, res) => void listener(req, res)
}

/** Answers an MCP request on Node. */
type ServeNode = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

function serveNodeV2(...[request, reply]: Parameters<ServeNode>): Promise<void> {
  return nodeHandler(request.raw as never, reply.raw, request.body)
}

async function serveNodeV1(...[request, reply]: Parameters<ServeNode>): Promise<void> {
  const transport = new StreamableHTTPServerTransport({})
  await createV1().connect(transport as never)
  await transport.handleRequest(request.raw, reply.raw, request.body)
}

function inFastify(serve: ServeNode): McpWay['mount'] {
  return async (authenticator) => {
    const app = fastify()
    app.all('/mcp', { onRequest: onFastify(authenticator) }, async (request, reply) => {
      reply.hijack()
      await serve(request, reply)
    })
    await app.ready()
    return (req, res) => app.routing(req, res)
  }
}
