import { randomUUID } from 'node:crypto'
import { localhostHostValidation } from '@modelcontextprotocol/sdk/server/middleware/hostHeaderValidation.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Request, RequestHandler, Response } from 'express'
import { SessionEvents } from './event-store.ts'
import { makeEverythingV1 } from './everything-server.ts'
import type { Guarding } from './guarding.ts'
import { retryMs, unknownSession } from './sessions.ts'

/** SDK v1, with sessions and streams that can be resumed. */
export function serveV1(guarding: Guarding): readonly RequestHandler[] {
  const sessions = new Map<string, StreamableHTTPServerTransport>()

  async function open(): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      eventStore: new SessionEvents(),
      retryInterval: retryMs,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    })
    const server = guarding.server(makeEverythingV1(guarding))
    await server.connect(transport as Parameters<typeof server.connect>[0])
    return transport
  }

  async function handle(req: Request, res: Response): Promise<void> {
    const id = req.header('mcp-session-id')
    const transport = id === undefined ? await open() : sessions.get(id)
    if (transport === undefined) res.status(404).json(unknownSession)
    else await transport.handleRequest(req, res)
  }

  return [localhostHostValidation(), (req, res, next) => void handle(req, res).catch(next)]
}
