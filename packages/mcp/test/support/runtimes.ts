import { randomUUID } from 'node:crypto'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler } from '@modelcontextprotocol/server'
import type { ProtectOptions } from '@onbehalf/mcp'
import {
  connectMemoryV1,
  connectMemoryV2,
  connectV1,
  connectV2,
  type TestClient,
} from './clients.ts'
import { type Handle, type Host, host } from './http-host.ts'
import { buildV1, buildV2, type ServerV1, type ServerV2 } from './servers.ts'

export interface Setup {
  readonly options?: ProtectOptions
  /** Changes a server before it is connected. */
  readonly before?: (server: ServerV1 | ServerV2) => void
  /** Changes a server once it is connected. */
  readonly after?: (server: ServerV1 | ServerV2) => void
}

export interface Running {
  /** Absent without HTTP. */
  readonly url?: URL
  connect(caller?: string): Promise<TestClient>
  close(): Promise<void>
}

export interface Runtime {
  readonly name: string
  readonly generation: 'v1' | 'v2'
  readonly isHttp: boolean
  /** Whether a server outlives a request, so that it can change while connected. */
  readonly isLasting: boolean
  readonly start: (setup?: Setup) => Promise<Running>
}

function makeV1({ options, before }: Setup): ServerV1 {
  const server = buildV1(options)
  before?.(server)
  return server
}

function makeV2({ options, before }: Setup): ServerV2 {
  const server = buildV2(options)
  before?.(server)
  return server
}

export function v1Stateless(setup: Setup = {}): Handle {
  return async (req, res, body) => {
    const server = makeV1(setup)
    const transport = new StreamableHTTPServerTransport({})
    res.on('close', () => void transport.close())
    await server.connect(transport as never)
    setup.after?.(server)
    await transport.handleRequest(req as never, res, body)
  }
}

interface SessionTransport {
  readonly sessionId?: string | undefined
  onclose?: (() => void) | undefined
  handleRequest(req: never, res: never, body?: unknown): Promise<void>
}

type OpenSession = (
  keep: (id: string, transport: SessionTransport) => void,
) => Promise<SessionTransport>

function stateful(open: OpenSession): Handle {
  const sessions = new Map<string, SessionTransport>()
  return async (req, res, body) => {
    const id = req.headers['mcp-session-id']
    const known = typeof id === 'string' ? sessions.get(id) : undefined
    const transport = known ?? (await open((fresh, made) => sessions.set(fresh, made)))
    await transport.handleRequest(req as never, res as never, body)
  }
}

export function v1Stateful(setup: Setup = {}, enableJsonResponse = false): Handle {
  return stateful(async (keep) => {
    const server = makeV1(setup)
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => keep(id, transport as SessionTransport),
      enableJsonResponse,
    })
    await server.connect(transport as never)
    setup.after?.(server)
    return transport as SessionTransport
  })
}

export function v2Stateful(setup: Setup = {}): Handle {
  return stateful(async (keep) => {
    const server = makeV2(setup)
    const transport: NodeStreamableHTTPServerTransport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => keep(id, transport as SessionTransport),
    })
    await server.connect(transport)
    setup.after?.(server)
    return transport as SessionTransport
  })
}

export function v2Entry(setup: Setup = {}): Handle {
  const handle = toNodeHandler(createMcpHandler(() => makeV2(setup)))
  return (req, res, body) => handle(req as never, res as never, body)
}

type Connect = (url: URL, caller?: string) => Promise<TestClient>

function overHttp(makeHandle: (setup: Setup) => Handle, connect: Connect): Runtime['start'] {
  return async (setup = {}) => {
    const running: Host = await host(makeHandle(setup))
    const clients: TestClient[] = []
    return {
      url: running.url,
      connect: async (caller) => {
        const client = await connect(running.url, caller)
        clients.push(client)
        return client
      },
      close: async () => {
        await Promise.all(clients.map((client) => client.close()))
        await running.close()
      },
    }
  }
}

function inMemory(
  connect: (setup: Setup, caller?: string) => Promise<TestClient>,
): Runtime['start'] {
  return async (setup = {}) => {
    const clients: TestClient[] = []
    return {
      connect: async (caller) => {
        const client = await connect(setup, caller)
        clients.push(client)
        return client
      },
      close: async () => {
        await Promise.all(clients.map((client) => client.close()))
      },
    }
  }
}

const legacyV2: Connect = (url, caller) => connectV2(url, caller, 'legacy')
const modernV2: Connect = (url, caller) => connectV2(url, caller, 'modern')

/** Every way in which a server of either generation is run, with clients of both. */
export const runtimes: readonly Runtime[] = [
  {
    name: 'v1 stateless, v1 client',
    generation: 'v1',
    isHttp: true,
    isLasting: false,
    start: overHttp(v1Stateless, connectV1),
  },
  {
    name: 'v1 stateful, v1 client',
    generation: 'v1',
    isHttp: true,
    isLasting: true,
    start: overHttp(v1Stateful, connectV1),
  },
  {
    name: 'v1 stateful with JSON answers, v2 client',
    generation: 'v1',
    isHttp: true,
    isLasting: true,
    start: overHttp((setup) => v1Stateful(setup, true), legacyV2),
  },
  {
    name: 'v2 legacy era, v1 client',
    generation: 'v2',
    isHttp: true,
    isLasting: false,
    start: overHttp(v2Entry, connectV1),
  },
  {
    name: 'v2 legacy era, v2 client',
    generation: 'v2',
    isHttp: true,
    isLasting: false,
    start: overHttp(v2Entry, legacyV2),
  },
  {
    name: 'v2 legacy era with sessions, v2 client',
    generation: 'v2',
    isHttp: true,
    isLasting: true,
    start: overHttp(v2Stateful, legacyV2),
  },
  {
    name: 'v2 2026-07-28 era, v2 client',
    generation: 'v2',
    isHttp: true,
    isLasting: false,
    start: overHttp(v2Entry, modernV2),
  },
  {
    name: 'v1 in memory, v1 client',
    generation: 'v1',
    isHttp: false,
    isLasting: true,
    start: inMemory(async (setup, caller) => {
      const server = makeV1(setup)
      const client = await connectMemoryV1(server as never, caller)
      setup.after?.(server)
      return client
    }),
  },
  {
    name: 'v2 in memory, v2 client',
    generation: 'v2',
    isHttp: false,
    isLasting: true,
    start: inMemory(async (setup, caller) => {
      const server = makeV2(setup)
      const client = await connectMemoryV2(server as never, caller)
      setup.after?.(server)
      return client
    }),
  },
]
