import { randomUUID } from 'node:crypto'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js'
import type { Authenticator } from '@onbehalf/core'
import type { Request, RequestHandler, Response } from 'express'
import { createServer } from './tools.ts'

/** Serves Streamable HTTP with sessions: a transport and a server for each. */
export function serveSessions(authenticator: Authenticator): RequestHandler {
  const sessions = new Map<string, StreamableHTTPServerTransport>()

  async function open(): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
    })
    transport.onclose = () => void sessions.delete(transport.sessionId ?? '')
    await createServer(authenticator).connect(transport)
    return transport
  }

  async function serve(req: Request, res: Response): Promise<void> {
    const id = req.header('mcp-session-id')
    const known = id === undefined ? undefined : sessions.get(id)
    if (known === undefined && (id !== undefined || !isInitializeRequest(req.body))) {
      res.status(id === undefined ? 400 : 404).end()
      return
    }
    const transport = known ?? (await open())
    await transport.handleRequest(req, res, req.body)
  }

  return (req, res, next) => void serve(req, res).catch(next)
}
