import { randomUUID } from 'node:crypto'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from '@modelcontextprotocol/client'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { serve } from './fixture.ts'

/** An MCP server whose tool `whoami` returns the headers it got, and whose tool `steps` waits for the test. */
interface TestServer {
  readonly endpoint: string
  /** Lets `steps` report its next step. */
  next(): void
  /** What the server sends on its own, where it has a stream for that. */
  readonly sessions: ReadonlyMap<string, McpServerV1>
}

interface TestClient {
  readonly listTools: () => Promise<string[]>
  readonly whoami: (note: string) => Promise<Record<string, string>>
  /** Runs `steps`; `onStep` gets each step when it arrives. */
  readonly steps: (onStep: (step: number) => void) => Promise<unknown>
  readonly onToolsChanged: (listener: () => void) => void
  readonly endSession: () => Promise<void>
}

export interface Generation {
  readonly name: string
  readonly startServer: () => Promise<TestServer>
  readonly connect: (url: string, headers: Record<string, string>) => Promise<TestClient>
}

export const generations: readonly Generation[] = [
  { name: 'SDK v1, with sessions', startServer: startV1, connect: connectV1 },
  { name: 'SDK v2, revision 2026-07-28', startServer: startV2, connect: connectV2 },
]

const STEPS = 3
const info = { name: 'test', version: '1.0.0' }

function createSteps(): { next: () => void; wait: () => Promise<void> } {
  let allowed = 0
  const waiting: (() => void)[] = []
  return {
    next: () => {
      const resume = waiting.shift()
      if (resume) resume()
      else allowed += 1
    },
    wait: () =>
      new Promise((resolve) => {
        if (allowed === 0) waiting.push(resolve)
        else resolve(void (allowed -= 1))
      }),
  }
}

function reply(value: unknown): { content: { type: 'text'; text: string }[] } {
  return { content: [{ type: 'text', text: JSON.stringify(value) }] }
}

async function startV1(): Promise<TestServer> {
  const steps = createSteps()
  const transports = new Map<string, StreamableHTTPServerTransport>()
  const sessions = new Map<string, McpServerV1>()
  const open = async (): Promise<StreamableHTTPServerTransport> => {
    const server = makeV1(steps.wait)
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => {
        transports.set(id, transport)
        sessions.set(id, server)
      },
      onsessionclosed: (id) => {
        transports.delete(id)
        sessions.delete(id)
      },
    })
    await server.connect(transport as never)
    return transport
  }
  const endpoint = await serve(async (req, res) => {
    const known = transports.get(String(req.headers['mcp-session-id']))
    await (known ?? (await open())).handleRequest(req, res)
  })
  return { endpoint, next: steps.next, sessions }
}

function makeV1(wait: () => Promise<void>): McpServerV1 {
  const server = new McpServerV1(info)
  server.registerTool('whoami', { inputSchema: { note: z.string() } }, (_args, extra) =>
    reply(extra.requestInfo?.headers),
  )
  server.registerTool('steps', { inputSchema: {} }, async (_args, extra) => {
    const { progressToken = '' } = extra._meta ?? {}
    for (let progress = 1; progress <= STEPS; progress += 1) {
      await wait()
      const params = { progressToken, progress }
      await extra.sendNotification({ method: 'notifications/progress', params })
    }
    await wait()
    return reply('done')
  })
  return server
}

async function startV2(): Promise<TestServer> {
  const steps = createSteps()
  const handle = toNodeHandler(
    createMcpHandler(() => makeV2(steps.wait), { legacy: 'reject', responseMode: 'auto' }),
  )
  const endpoint = await serve((req, res) => handle(req as never, res))
  return { endpoint, next: steps.next, sessions: new Map() }
}

function makeV2(wait: () => Promise<void>): McpServer {
  const server = new McpServer(info)
  server.registerTool('whoami', { inputSchema: z.object({ note: z.string() }) }, (_args, ctx) =>
    reply(Object.fromEntries(ctx.http?.req?.headers ?? [])),
  )
  server.registerTool('steps', { inputSchema: z.object({}) }, async (_args, ctx) => {
    const { progressToken = '' } = ctx.mcpReq._meta ?? {}
    for (let progress = 1; progress <= STEPS; progress += 1) {
      await wait()
      const params = { progressToken, progress }
      await ctx.mcpReq.notify({ method: 'notifications/progress', params })
    }
    await wait()
    return reply('done')
  })
  return server
}

async function connectV1(url: string, headers: Record<string, string>): Promise<TestClient> {
  const client = new ClientV1(info)
  const transport = new HttpV1(new URL(url), { requestInit: { headers } })
  await client.connect(transport as never)
  return wrap(client, () => transport.terminateSession())
}

async function connectV2(url: string, headers: Record<string, string>): Promise<TestClient> {
  const client = new ClientV2(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  const transport = new HttpV2(new URL(url), { requestInit: { headers } })
  await client.connect(transport)
  return wrap(client as unknown as ClientV1, () => transport.terminateSession())
}

function wrap(client: ClientV1, endSession: () => Promise<void>): TestClient {
  onTestFinished(() => client.close())
  return {
    endSession,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    whoami: async (note) => {
      const { content } = await client.callTool({ name: 'whoami', arguments: { note } })
      const [part] = content as { text: string }[]
      return JSON.parse(part?.text ?? '') as Record<string, string>
    },
    steps: (onStep) => {
      const onprogress = ({ progress }: { progress: number }): void => onStep(progress)
      const call = { name: 'steps', arguments: {} }
      // The generations differ in where options go.
      if (client instanceof ClientV1) return client.callTool(call, undefined, { onprogress })
      return (client as unknown as ClientV2).callTool(call, { onprogress })
    },
    onToolsChanged: (listener) => {
      client.fallbackNotificationHandler = async ({ method }) => {
        if (method === 'notifications/tools/list_changed') listener()
      }
    },
  }
}
