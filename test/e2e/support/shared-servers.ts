import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import { authenticate } from '@onbehalf/express'
import { protect } from '@onbehalf/mcp'
import express, { type Request, type RequestHandler, type Response } from 'express'
import { onTestFinished } from 'vitest'
import { authenticator } from './crowd.ts'
import { input, type Whose } from './whose.ts'

const info = { name: 'whose', version: '1.0.0' }
const description = 'Tells whose call this is'

/** A server of SDK v2, for callers of every revision. */
export function serveV2({ tool }: Whose): Promise<URL> {
  const handler = createMcpHandler(() => {
    const server = protect(new McpServerV2(info), { trackIdentity: true })
    server.registerTool('whose', { description, inputSchema: input }, tool)
    return server
  })
  const handle = toNodeHandler(handler)
  return serve((req, res) => void handle(req, res, req.body))
}

/** A server of SDK v1 with sessions. */
export function serveV1({ tool }: Whose): Promise<URL> {
  const sessions = new Map<string, StreamableHTTPServerTransport>()

  async function open(): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
    })
    const server = protect(new McpServerV1(info), { trackIdentity: true })
    server.registerTool('whose', { description, inputSchema: input }, tool)
    await server.connect(transport as Parameters<typeof server.connect>[0])
    return transport
  }

  async function handle(req: Request, res: Response): Promise<void> {
    const transport = sessions.get(req.header('mcp-session-id') ?? '') ?? (await open())
    await transport.handleRequest(req, res, req.body)
  }

  return serve((req, res, next) => void handle(req, res).catch(next))
}

/** One process, one port, one application: everybody's calls meet in it. */
async function serve(handle: RequestHandler): Promise<URL> {
  const app = express()
  app.all('/mcp', authenticate(authenticator), express.json(), handle)
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening))
  })
  // On a busy machine a call may be sent while the server closes a connection that was idle for long.
  server.keepAliveTimeout = 0
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
}
