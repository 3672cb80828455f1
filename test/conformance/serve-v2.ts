import { randomBytes, randomUUID } from 'node:crypto'
import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  createRequestStateCodec,
  hostHeaderValidationResponse,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  type McpHandlerRequestOptions,
  type McpServer,
  originValidationResponse,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import type { RequestHandler } from 'express'
import { SessionEvents } from './event-store.ts'
import { makeEverythingV2, type Surroundings } from './everything-server.ts'
import type { Guarding } from './guarding.ts'
import { retryMs, unknownSession } from './sessions.ts'

type Fetch = (request: Request, options?: McpHandlerRequestOptions) => Promise<Response>

/** SDK v2: sessions for clients of earlier revisions, the stateless entry for those of 2026-07-28. */
export function serveV2(guarding: Guarding): readonly RequestHandler[] {
  const { bind } = guarding
  const surroundings: Surroundings = {
    state: createRequestStateCodec({ key: randomBytes(32), ...(bind && { bind }) }),
    notify: {
      toolsChanged: () => entry.notify.toolsChanged(),
      promptsChanged: () => entry.notify.promptsChanged(),
    },
  }
  const create = (guard: (server: McpServer) => McpServer) => () =>
    makeEverythingV2(guarding, surroundings, guard)
  const entry = guarding.entry(
    (factory) => createMcpHandler(factory, { legacy: 'reject' }),
    create((server) => guarding.early(server)),
  )
  const legacy = serveSessions(create((server) => guarding.server(server)))
  const fetch: Fetch = async (request, options) =>
    refuseForeign(request) ??
    ((await isLegacyRequest(request)) ? legacy(request, options) : entry.fetch(request, options))
  const handle = toNodeHandler({ fetch })
  return [(req, res) => void handle(req, res)]
}

function refuseForeign(request: Request): Response | undefined {
  return (
    hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
    originValidationResponse(request, localhostAllowedOrigins())
  )
}

function serveSessions(create: () => ReturnType<typeof makeEverythingV2>): Fetch {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>()

  async function open(): Promise<WebStandardStreamableHTTPServerTransport> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      eventStore: new SessionEvents(),
      retryInterval: retryMs,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    })
    await create().connect(transport)
    return transport
  }

  return async (request, options) => {
    const id = request.headers.get('mcp-session-id')
    const transport = id === null ? await open() : sessions.get(id)
    if (transport === undefined) return Response.json(unknownSession, { status: 404 })
    return transport.handleRequest(request, options)
  }
}
