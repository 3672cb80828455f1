import { randomUUID } from 'node:crypto'
import { StreamableHTTPTransport as HonoTransport } from '@hono/mcp'
import { WebStandardStreamableHTTPServerTransport as WebV1 } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { WebStandardStreamableHTTPServerTransport as WebV2 } from '@modelcontextprotocol/server'
import { protect } from '@onbehalf/mcp'
import { Hono } from 'hono'
import { makeServer, nothing, reply } from '../../../packages/mcp/test/support/make-server.ts'
import { call, type Generation } from '../../../packages/mcp/test/support/raw.ts'
import { assertSame, headers, initialize, type Kind, settings } from '../kind.ts'

type Serve = (request: Request) => Promise<Response>

/** One transport for one session. */
interface Session {
  readonly transport: object
  readonly serve: Serve
}

const options = { sessionIdGenerator: () => randomUUID() }

function webSession(Web: typeof WebV1): () => Session {
  return () => {
    const transport = new Web(options)
    return { transport, serve: (request) => transport.handleRequest(request) }
  }
}

function honoSession(): Session {
  const transport = new HonoTransport(options)
  const app = new Hono()
  app.all('/mcp', (c) => transport.handleRequest(c as never) as Promise<Response>)
  return { transport, serve: async (request) => app.request(request) }
}

/** How a session ends. */
type Ending = 'is ended by its client' | 'is closed by its server' | 'is left alone'

async function endSession(ending: Ending, send: Send, close: () => Promise<void>): Promise<void> {
  if (ending === 'is closed by its server') await close()
  if (ending === 'is ended by its client') assertSame((await send('DELETE')).status, 200, 'DELETE')
}

type Send = (method: string, body?: object) => Promise<Response>

function sender(serve: Serve): Send {
  let session: string | undefined
  return async (method, body) => {
    const sent = { ...headers, ...(session !== undefined && { 'mcp-session-id': session }) }
    const request = new Request('http://127.0.0.1/mcp', {
      method,
      headers: sent,
      ...(body && { body: JSON.stringify(body) }),
    })
    const answer = await serve(request)
    session ??= answer.headers.get('mcp-session-id') ?? undefined
    return answer
  }
}

function sessions(generation: Generation, name: string, open: () => Session, ending: Ending): Kind {
  return {
    name: `${name}: a session that ${ending}`,
    start: async (census) => ({
      round: async (number) => {
        const server = protect(makeServer(generation), settings)
        server.registerTool('any', { inputSchema: nothing }, async () => reply('done'))
        const { transport, serve } = open()
        census.track(server, transport)
        await server.connect(transport as never)
        const send = sender(serve)
        await (await send('POST', initialize)).text()
        const stream = await send('GET')
        assertSame(stream.status, 200, 'GET')
        const answer = await (await send('POST', call(number, 'any'))).text()
        assertSame(answer.includes('done'), true, answer)
        // Every other client leaves its stream to a server that closes it.
        const leaves = ending === 'is left alone' || number % 2 === 0
        if (leaves) await stream.body?.cancel()
        await endSession(ending, send, () => server.close())
      },
    }),
  }
}

const endings: readonly Ending[] = [
  'is ended by its client',
  'is closed by its server',
  'is left alone',
]

export const sessionKinds: readonly Kind[] = endings.flatMap((ending) => [
  sessions('v1', 'v1', webSession(WebV1), ending),
  sessions('v2', 'v2', webSession(WebV2 as unknown as typeof WebV1), ending),
  sessions('v1', 'v1 with Hono', honoSession, ending),
])

/** One session whose client opens its stream over and over. */
function streams(generation: Generation, open: () => Session): Kind {
  return {
    name: `${generation}: a stream in a session`,
    start: async () => {
      const server = protect(makeServer(generation), settings)
      const { transport, serve } = open()
      await server.connect(transport as never)
      const send = sender(serve)
      await (await send('POST', initialize)).text()
      // One stream at a time is what the SDKs allow.
      let last: Promise<void> = Promise.resolve()
      const round = async (): Promise<void> => {
        const stream = await send('GET')
        assertSame(stream.status, 200, 'GET')
        assertSame((await send('GET')).status, 409, 'second GET')
        await stream.body?.cancel()
      }
      return {
        round: () => {
          last = last.then(round)
          return last
        },
        close: () => server.close(),
      }
    },
  }
}

export const streamKinds: readonly Kind[] = [
  streams('v1', webSession(WebV1)),
  streams('v2', webSession(WebV2 as unknown as typeof WebV1)),
]
