import { randomUUID } from 'node:crypto'
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { protect } from '@onbehalf/mcp'
import { host } from '../../../packages/mcp/test/support/http-host.ts'
import { makeServer, nothing, reply } from '../../../packages/mcp/test/support/make-server.ts'
import { call, type Generation } from '../../../packages/mcp/test/support/raw.ts'
import type { Census } from '../census.ts'
import { assertSame, headers, initialize, type Kind, settings } from '../kind.ts'

function createServer(generation: Generation, census: Census, transport: object, given: object) {
  const server = protect(makeServer(generation), given)
  server.registerTool('any', { inputSchema: nothing }, async () => reply('done'))
  census.track(server, transport)
  return server
}

const transports = { v1: StreamableHTTPServerTransport, v2: NodeStreamableHTTPServerTransport }

/** Sessions over sockets: every other client leaves its stream and never ends its session. */
function sessions(generation: Generation): Kind {
  const Transport = transports[generation] as typeof StreamableHTTPServerTransport
  return {
    name: `${generation} on Node.js: a session`,
    start: async (census) => {
      const known = new Map<string, StreamableHTTPServerTransport>()
      const open = async (): Promise<StreamableHTTPServerTransport> => {
        const transport: StreamableHTTPServerTransport = new Transport({
          sessionIdGenerator: () => randomUUID(),
          onsessioninitialized: (id) => void known.set(id, transport),
        })
        transport.onclose = () => known.delete(transport.sessionId ?? '')
        await createServer(generation, census, transport, settings).connect(transport as never)
        return transport
      }
      const { url, close } = await host(async (req, res, body) => {
        const transport = known.get(String(req.headers['mcp-session-id'])) ?? (await open())
        await transport.handleRequest(req as never, res as never, body)
      })
      const round = async (number: number): Promise<void> => {
        const post = (body: object, more: object = {}) =>
          fetch(url, {
            method: 'POST',
            headers: { ...headers, ...more },
            body: JSON.stringify(body),
          })
        const opened = await post(initialize)
        await opened.text()
        const id = opened.headers.get('mcp-session-id') ?? ''
        const session = { 'mcp-session-id': id }
        const stream = await fetch(url, { headers: { ...headers, ...session } })
        assertSame(stream.status, 200, 'GET')
        await (await post(call(number, 'any'), session)).text()
        if (number % 2 === 0) await stream.body?.cancel()
        else await fetch(url, { method: 'DELETE', headers: { ...headers, ...session } })
        // The application forgets whom it has not heard from.
        known.delete(id)
      }
      return { round, close }
    },
  }
}

const fromAdapter = { ...headers, 'x-caller': 'ada' }

/** Streams of the older HTTP and SSE transport, behind an adapter that knows the caller. */
const oldStreams: Kind = {
  name: 'v1 HTTP and SSE: a stream',
  start: async (census) => {
    const known = new Map<string, SSEServerTransport>()
    const { url, close } = await host(async (req, res, body) => {
      if (req.method === 'GET') {
        const transport = new SSEServerTransport('/mcp', res)
        known.set(transport.sessionId, transport)
        res.on('close', () => known.delete(transport.sessionId))
        return createServer('v1', census, transport, {}).connect(transport as never)
      }
      const id = new URL(req.url ?? '', 'http://127.0.0.1').searchParams.get('sessionId') ?? ''
      const transport = known.get(id)
      if (transport === undefined) res.writeHead(404).end()
      else await transport.handlePostMessage(req as never, res, body)
    })
    const round = async (): Promise<void> => {
      const stream = await fetch(url, { headers: fromAdapter })
      const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
      const { value } = await reader.read()
      const [, id] = /sessionId=(\S+)/.exec(value ?? '') ?? []
      const into = new URL(`?sessionId=${id}`, url)
      const body = JSON.stringify(initialize)
      const posted = await fetch(into, { method: 'POST', headers: fromAdapter, body })
      await posted.text()
      assertSame(posted.status, 202, 'POST')
      await reader.read()
      await reader.cancel()
    }
    return { round, close }
  },
}

export const socketKinds: readonly Kind[] = [sessions('v1'), sessions('v2'), oldStreams]
