import { randomUUID } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { StdioServerTransport as StdioV1 } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  type CreateMcpHandlerOptions,
  createMcpHandler,
  type McpServer,
} from '@modelcontextprotocol/server'
import { StdioServerTransport as StdioV2, serveStdio } from '@modelcontextprotocol/server/stdio'
import { check } from '@onbehalf/core/guards'
import { protect, protectedHandler, protectedStdio, type ServerOptions } from '@onbehalf/mcp'
import { listTrail } from '../../packages/mcp/test/support/audit.ts'
import { type Handle, host } from '../../packages/mcp/test/support/http-host.ts'
import type { AnyServer } from '../../packages/mcp/test/support/make-server.ts'
import { type Generation, linkedPair, type Message } from '../../packages/mcp/test/support/raw.ts'
import {
  createTokenAuthenticator,
  mintToken,
  start,
} from '../../packages/mcp/test/support/tokens.ts'
import { SessionEvents } from '../conformance/event-store.ts'
import { asCaller, httpLine, type Line, type LineOptions, plainLine } from './lines.ts'

/** How a server is guarded. In every way, whoever has signed in may do everything. */
export type Guarding = 'bare' | 'protected' | 'slowly guarded and strictly recorded'

type Make = () => AnyServer

/** A way to run a server, and what it can do. */
export interface Way {
  readonly name: string
  readonly generation: Generation
  readonly isModern?: boolean
  readonly isHttp?: boolean
  /** Whether one server serves a client for long. */
  readonly lasts?: boolean
  /** Whether a server can ask its client. */
  readonly asks?: boolean
  open(make: Make, guarding: Guarding, options: LineOptions): Promise<Line>
}

const slow = check('signed in', async () => {
  await new Promise((resolve) => setImmediate(resolve))
  return true
})

function optionsOf(guarding: Guarding): ServerOptions {
  if (guarding === 'protected') return {}
  const kinds = ['tool', 'resource', 'prompt'] as const
  return {
    rules: [
      ...kinds.map((kind) => ({ kind, name: '*', guard: slow })),
      { kind: 'method', name: '*', guard: slow },
    ],
    audit: listTrail().trail,
  }
}

function guard(server: AnyServer, guarding: Guarding): AnyServer {
  return guarding === 'bare' ? server : protect(server, optionsOf(guarding))
}

async function overHttp(handle: Handle, options: LineOptions): Promise<Line> {
  const { url, close } = await host(handle)
  return httpLine(url, options, close)
}

interface NodeTransport {
  sessionId?: string | undefined
  handleRequest(req: never, res: never, body: unknown): Promise<void>
  close(): Promise<void>
}
type NewTransport = new (options: object) => NodeTransport

const transports: Record<Generation, NewTransport> = {
  v1: StreamableHTTPServerTransport as unknown as NewTransport,
  v2: NodeStreamableHTTPServerTransport as unknown as NewTransport,
}

/** A server for each request. */
function stateless(generation: Generation, more: object = {}): Way['open'] {
  return (make, guarding, options) =>
    overHttp(async (req, res, body) => {
      const transport = new transports[generation](more)
      res.on('close', () => void transport.close())
      await guard(make(), guarding).connect(transport as never)
      await transport.handleRequest(req as never, res as never, body)
    }, options)
}

/** A server for each session, whose events can be read again. */
function sessions(generation: Generation, more: object = {}): Way['open'] {
  return (make, guarding, options) => {
    const open = new Map<unknown, NodeTransport>()
    const serve: Handle = async (req, res, body) => {
      const id = req.headers['mcp-session-id']
      const transport: NodeTransport =
        open.get(id) ??
        new transports[generation]({
          sessionIdGenerator: randomUUID,
          eventStore: new SessionEvents(),
          onsessioninitialized: (made: string) => void open.set(made, transport),
          onsessionclosed: (closed: string) => void open.delete(closed),
          ...more,
        })
      if (open.get(id) === undefined) await guard(make(), guarding).connect(transport as never)
      await transport.handleRequest(req as never, res as never, body)
    }
    return overHttp(serve, options)
  }
}

/** The entry of SDK v2. */
function entry(more: CreateMcpHandlerOptions = {}): Way['open'] {
  return (make, guarding, options) => {
    const create = make as unknown as () => McpServer
    const createHandler = (factory: () => McpServer) => createMcpHandler(factory, more)
    const handler =
      guarding === 'bare'
        ? createHandler(create)
        : protectedHandler(createHandler, create, { authenticator: null, ...optionsOf(guarding) })
    const handle = toNodeHandler(handler)
    return overHttp((req, res, body) => handle(req as never, res as never, body), options)
  }
}

function inMemory(generation: Generation): Way['open'] {
  return async (make, guarding, options) => {
    const [near, far] = linkedPair(generation)
    const write = (message: unknown): void =>
      void near.send(message as never, asCaller('ada') as never)
    const line = plainLine(write, [], options, () => near.close())
    near.onmessage = line.hear
    await guard(make(), guarding).connect(far as never)
    await near.start()
    return line
  }
}

const authenticator = createTokenAuthenticator(() => start)
const signedIn = () => ({
  authenticator,
  token: mintToken({ sub: 'ada', iat: start, exp: start + 300 }),
  clock: () => start,
})

type Serve = (make: Make, guarding: Guarding, input: PassThrough, output: PassThrough) => unknown

const stdioV1: Serve = (make, guarding, input, output) => {
  const server = make()
  if (guarding !== 'bare') protect(server, { ...signedIn(), ...optionsOf(guarding) })
  return server.connect(new StdioV1(input, output))
}

const stdioV2: Serve = (make, guarding, input, output) => {
  const transport = new StdioV2(input, output)
  const create = make as unknown as () => McpServer
  return guarding === 'bare'
    ? serveStdio(create, { transport })
    : protectedStdio(serveStdio, create, { ...signedIn(), ...optionsOf(guarding), transport })
}

function onStdio(serve: Serve): Way['open'] {
  return async (make, guarding, options) => {
    const [input, output] = [new PassThrough(), new PassThrough()]
    const write = (message: unknown): void => void input.write(`${JSON.stringify(message)}\n`)
    const line = plainLine(write, [], options, async () => void input.end())
    let rest = ''
    output.on('data', (chunk: Buffer) => {
      const lines = `${rest}${chunk.toString('utf8')}`.split('\n')
      rest = lines.pop() ?? ''
      for (const text of lines) line.hear(JSON.parse(text) as Message)
    })
    await serve(make, guarding, input, output)
    return line
  }
}

const lasting = { lasts: true, asks: true }
const v1 = { generation: 'v1' } as const
const v2 = { generation: 'v2' } as const

export const ways: readonly Way[] = [
  { name: 'v1 in memory', ...v1, ...lasting, open: inMemory('v1') },
  { name: 'v1 on stdio', ...v1, ...lasting, open: onStdio(stdioV1) },
  { name: 'v1 with sessions', ...v1, isHttp: true, ...lasting, open: sessions('v1') },
  {
    name: 'v1 with sessions and JSON answers',
    ...v1,
    isHttp: true,
    lasts: true,
    open: sessions('v1', { enableJsonResponse: true }),
  },
  { name: 'v1 stateless', ...v1, isHttp: true, open: stateless('v1') },
  { name: 'v2 in memory', ...v2, ...lasting, open: inMemory('v2') },
  { name: 'v2 on stdio', ...v2, ...lasting, open: onStdio(stdioV2) },
  { name: 'v2 with sessions', ...v2, isHttp: true, ...lasting, open: sessions('v2') },
  {
    name: 'v2 with sessions and JSON answers',
    ...v2,
    isHttp: true,
    lasts: true,
    open: sessions('v2', { enableJsonResponse: true }),
  },
  { name: 'v2 stateless', ...v2, isHttp: true, open: stateless('v2') },
  { name: 'v2 by the entry, older revisions', ...v2, isHttp: true, open: entry() },
  { name: 'v2 on stdio, 2026-07-28', ...v2, isModern: true, lasts: true, open: onStdio(stdioV2) },
  { name: 'v2 by the entry, 2026-07-28', ...v2, isModern: true, isHttp: true, open: entry() },
  {
    name: 'v2 by the entry, 2026-07-28, always SSE',
    ...v2,
    isModern: true,
    isHttp: true,
    open: entry({ responseMode: 'sse' }),
  },
  {
    name: 'v2 by the entry, 2026-07-28, always JSON',
    ...v2,
    isModern: true,
    isHttp: true,
    open: entry({ responseMode: 'json' }),
  },
]
