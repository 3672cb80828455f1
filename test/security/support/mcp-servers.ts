import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createV1, createV2, type ToolWorld } from './mcp-tools.ts'

/** A request behind the authenticator, its body parsed. */
export type McpRequest = IncomingMessage & { readonly body?: unknown }
export type ServeMcp = (world: ToolWorld) => (req: McpRequest, res: ServerResponse) => unknown

/** Every way in which a server speaks Streamable HTTP. */
export const mcpServers: readonly (readonly [name: string, serve: ServeMcp])[] = [
  ['SDK v1 without sessions', serveV1],
  ['SDK v1 with sessions', serveV1Sessions],
  ['SDK v2', serveV2],
]

export function serveV2(world: ToolWorld): ReturnType<ServeMcp> {
  const handle = toNodeHandler(createMcpHandler(() => createV2(world)))
  // Its types ask for a method that Node's leave optional.
  return (req, res) => handle(req as never, res, req.body)
}

function serveV1(world: ToolWorld): ReturnType<ServeMcp> {
  return async (req, res) => {
    const transport = new StreamableHTTPServerTransport({})
    res.on('close', () => void transport.close())
    await createV1(world).connect(transport as never)
    await transport.handleRequest(req, res, req.body)
  }
}

function serveV1Sessions(world: ToolWorld): ReturnType<ServeMcp> {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  return async (req, res) => {
    const known = sessions.get(String(req.headers['mcp-session-id']))
    if (known !== undefined) return known.handleRequest(req, res, req.body)
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
    })
    await createV1(world).connect(transport as never)
    await transport.handleRequest(req, res, req.body)
  }
}

/** The transport of the 2024-11-05 revision: a GET opens the stream, POSTs bring messages. */
export function serveOldSse(world: ToolWorld): ReturnType<ServeMcp> {
  const sessions = new Map<string, SSEServerTransport>()
  return async (req, res) => {
    if (req.method === 'GET') {
      const transport = new SSEServerTransport('/mcp', res)
      sessions.set(transport.sessionId, transport)
      return createV1(world).connect(transport as never)
    }
    const { searchParams } = new URL(req.url ?? '', 'http://mcp.example')
    const transport = sessions.get(searchParams.get('sessionId') ?? '')
    if (transport === undefined) return res.writeHead(404).end()
    return transport.handlePostMessage(req, res, req.body)
  }
}
