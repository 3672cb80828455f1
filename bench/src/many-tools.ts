/**
 * A server with 1,000 guarded tools against the same server without Onbehalf: start-up and tools/list.
 *
 * It runs on the built packages: what runs TypeScript gives every function a name at run time, which
 * costs more than a guard.
 */
import { InMemoryTransport as MemoryV1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  createMcpHandler,
  McpServer as McpServerV2,
  InMemoryTransport as MemoryV2,
} from '@modelcontextprotocol/server'
import { organization } from '@onbehalf/core/guards'
import { type ProtectOptions, protect, requireOrg } from '@onbehalf/mcp'
import { z } from 'zod'
import { adasInfo } from './ada.ts'
import { type Contender, compare } from './compare.ts'

const tools = 1_000

const inputSchema = z.object({ month: z.string() })
const handler = async () => ({ content: [{ type: 'text' as const, text: 'ok' }] })
const guard = organization({ ids: ['acme'] })

// What is used of a server and of a transport is spelled alike in both generations.
type Server = McpServerV1
interface Transport {
  onmessage?: ((message: { readonly id?: unknown; readonly result?: object }) => void) | undefined
  start(): Promise<void>
  send(message: object, options?: object): Promise<void>
  close(): Promise<void>
}

interface Generation {
  readonly name: string
  readonly createServer: () => Server
  readonly link: () => [Transport, Transport]
}

const info = { name: 'bench', version: '1.0.0' }
const generations: readonly Generation[] = [
  {
    name: 'SDK v1',
    createServer: () => new McpServerV1(info),
    link: () => MemoryV1.createLinkedPair() as unknown as [Transport, Transport],
  },
  {
    name: 'SDK v2',
    createServer: () => new McpServerV2(info) as unknown as Server,
    link: () => MemoryV2.createLinkedPair() as unknown as [Transport, Transport],
  },
]

/** How a server comes to its tools. */
interface Kind {
  readonly name: string
  readonly build: (server: Server) => Server
}

const kinds: readonly Kind[] = [
  { name: 'bare SDK', build: (server) => register(server, () => handler) },
  {
    name: 'protect + requireOrg',
    build: (server) => register(protect(server), () => requireOrg('acme', handler)),
  },
  { name: 'protect + one rule', build: (server) => underRules(server, [{ kind: 'tool', guard }]) },
  {
    name: 'protect + 20 rules',
    build: (server) =>
      underRules(server, [
        { kind: 'tool', guard },
        // Each matches eleven tools, and none of them what another does.
        ...Array.from({ length: 19 }, (_, at) => ({
          kind: 'tool' as const,
          name: `tool-${at + 11}*`,
          guard,
        })),
      ]),
  },
]

function register(server: Server, makeHandler: () => unknown): Server {
  for (let at = 0; at < tools; at++) {
    server.registerTool(`tool-${at}`, { inputSchema }, makeHandler() as typeof handler)
  }
  return server
}

function underRules(server: Server, rules: NonNullable<ProtectOptions['rules']>): Server {
  return register(protect(server, { rules }), () => handler)
}

/** Connects a server and returns what sends it one request and waits for the answer. */
async function connect({ link }: Generation, server: Server) {
  const [near, far] = link()
  const waiting = new Map<unknown, (result: object | undefined) => void>()
  near.onmessage = ({ id, result }) => waiting.get(id)?.(result)
  await server.connect(far as never)
  await near.start()
  let id = 0
  return {
    ask: (method: string): Promise<object | undefined> => {
      id += 1
      const answered = new Promise<object | undefined>((resolve) => waiting.set(id, resolve))
      void near.send({ jsonrpc: '2.0', id, method, params: {} }, { authInfo: adasInfo })
      return answered
    },
    close: () => near.close(),
  }
}

function onStart(generation: Generation, { name, build }: Kind): Contender {
  const run = async (): Promise<void> => {
    const line = await connect(generation, build(generation.createServer()))
    await line.close()
  }
  return { name, run }
}

async function onList(generation: Generation, { name, build }: Kind): Promise<Contender> {
  const line = await connect(generation, build(generation.createServer()))
  const { tools: listed } = (await line.ask('tools/list')) as { tools: readonly unknown[] }
  if (listed.length !== tools) throw new Error(`${name} lists ${listed.length} tools`)
  return { name, run: () => line.ask('tools/list') }
}

/** A handler of SDK v2 makes a server for every request. */
function onCall({ name, build }: Kind): Contender {
  const { fetch } = createMcpHandler(() => build(new McpServerV2(info) as never) as never)
  const body = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'tool-7', arguments: { month: '2026-11' } },
  }
  const url = 'http://127.0.0.1/mcp'
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  const run = async (): Promise<void> => {
    const request = new Request(url, { method: 'POST', headers, body: JSON.stringify(body) })
    const answer = await fetch(request, { authInfo: adasInfo })
    const text = await answer.text()
    if (!text.includes('"ok"')) throw new Error(`${name} answers ${text}`)
  }
  return { name, run }
}

for (const generation of generations) {
  const about = `of ${tools} tools, ${generation.name}`
  await compare(
    `start-up ${about}`,
    kinds.map((kind) => onStart(generation, kind)),
  )
  const listing = await Promise.all(kinds.map((kind) => onList(generation, kind)))
  await compare(`tools/list ${about}`, listing)
}
await compare(`a call of createMcpHandler with ${tools} tools, SDK v2`, kinds.map(onCall))
process.exit(0)
