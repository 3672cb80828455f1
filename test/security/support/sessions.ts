import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import type { ReadableStream as NodeStream } from 'node:stream/web'
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { WebStandardStreamableHTTPServerTransport as WebV1 } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  type EventStore,
  McpServer as McpServerV2,
  WebStandardStreamableHTTPServerTransport as WebV2,
} from '@modelcontextprotocol/server'
import type { Authenticator } from '@onbehalf/core'
import { type AuthInfo, createAuthInfo } from '@onbehalf/core/auth-info'
import { onTestFinished } from 'vitest'
import { listen } from './http.ts'

// What these tests use of a server is spelled alike in both generations.
export type AnyServer = McpServerV1

/** One way to run a server that keeps sessions. */
export interface SessionWay {
  readonly name: string
  createServer(options?: object): AnyServer
  createTransport(options: TransportOptions): Served
}

export interface TransportOptions {
  readonly sessionIdGenerator: () => string
  readonly onsessioninitialized: (id: string) => void
  readonly enableJsonResponse?: boolean
  readonly eventStore?: EventStore
}

interface Served {
  readonly transport: object
  serve(req: AuthenticatedRequest, res: ServerResponse, body: unknown): Promise<void>
}

type AuthenticatedRequest = IncomingMessage & { auth?: AuthInfo }

interface NodeTransport {
  handleRequest(req: never, res: ServerResponse, body?: unknown): Promise<void>
}

interface WebTransport {
  handleRequest(
    request: Request,
    options: { parsedBody?: unknown; authInfo?: AuthInfo },
  ): Promise<Response>
}

const info = { name: 'test', version: '1.0.0' }
const v1 = (options = {}): AnyServer => new McpServerV1(info, options)
const v2 = (options = {}): AnyServer => new McpServerV2(info, options) as unknown as AnyServer

function onNode(transport: NodeTransport): Served {
  return {
    transport,
    serve: (req, res, body) => transport.handleRequest(req as never, res, body),
  }
}

function onWeb(transport: WebTransport): Served {
  return {
    transport,
    serve: async (req, res, body) => {
      const headers = new Headers(req.headers as Record<string, string>)
      const request = new Request('http://127.0.0.1/mcp', { method: req.method ?? 'GET', headers })
      const answer = await transport.handleRequest(request, {
        ...(body !== undefined && { parsedBody: body }),
        ...(req.auth && { authInfo: req.auth }),
      })
      res.writeHead(answer.status, Object.fromEntries(answer.headers))
      if (answer.body === null) return void res.end()
      const stream = Readable.fromWeb(answer.body as NodeStream)
      res.on('close', () => stream.destroy())
      stream.on('error', () => res.destroy())
      stream.pipe(res)
    },
  }
}

export const sessionWays: readonly SessionWay[] = [
  {
    name: 'SDK v1 on Node',
    createServer: v1,
    createTransport: (options) => onNode(new StreamableHTTPServerTransport(options as never)),
  },
  {
    name: 'SDK v1 on web standards',
    createServer: v1,
    createTransport: (options) => onWeb(new WebV1(options as never)),
  },
  {
    name: 'SDK v2 on Node',
    createServer: v2,
    createTransport: (options) => onNode(new NodeStreamableHTTPServerTransport(options as never)),
  },
  {
    name: 'SDK v2 on web standards',
    createServer: v2,
    createTransport: (options) => onWeb(new WebV2(options as never)),
  },
]

/**
 * Serves sessions the way the SDKs show it: each known id has its transport. An unknown id goes to a
 * transport as well, so that the answer to it is the SDK's own.
 */
export async function serveSessions(
  way: SessionWay,
  authenticator: Authenticator<unknown>,
  createServer: () => AnyServer,
  options: Partial<TransportOptions> & { readonly events?: () => EventStore } = {},
): Promise<URL> {
  const sessions = new Map<string, Served>()
  async function open(): Promise<Served> {
    const { events, ...rest } = options
    const served: Served = way.createTransport({
      ...rest,
      ...(events && { eventStore: events() }),
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, served),
    })
    await createServer().connect(served.transport as never)
    return served
  }
  return serve(authenticator, async (req, res, body) => {
    const id = req.headers['mcp-session-id']
    const [any] = sessions.values()
    const served = id === undefined ? await open() : (sessions.get(String(id)) ?? any)
    await served?.serve(req, res, body)
  })
}

type Handle = (req: AuthenticatedRequest, res: ServerResponse, body: unknown) => Promise<void>

/** A caller without credentials passes, as in an application that forgot its middleware. */
export async function serve(authenticator: Authenticator<unknown>, handle: Handle): Promise<URL> {
  const { port, close } = await listen((req: AuthenticatedRequest, res) => {
    void work().catch((error: unknown) => res.destroy(error as Error))
    async function work(): Promise<void> {
      if (req.headers.authorization !== undefined) {
        req.auth = createAuthInfo(await authenticator.authenticate(req), authenticator)
      }
      await handle(req, res, req.method === 'POST' ? await json(req) : undefined)
    }
  })
  onTestFinished(close)
  return new URL(`http://127.0.0.1:${port}/mcp`)
}
