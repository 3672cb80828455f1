import { randomUUID } from 'node:crypto'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from '@modelcontextprotocol/client'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { createMcpHandler, inputRequired } from '@modelcontextprotocol/server'
import { memoryStore } from '@onbehalf/core'
import { createElicitations, type Elicitations, identityOf, protect } from '@onbehalf/mcp'
import { describe, expect, onTestFinished, test } from 'vitest'
import { authInfoOf, callers, makeIdentity } from './support/callers.ts'
import { type Handle, host } from './support/http-host.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import type { Generation } from './support/raw.ts'

const info = { name: 'test', version: '1' }
const capabilities = { elicitation: { url: {} } }
type Open = (url: string) => Promise<unknown>

/** The accounts that people have connected at the page. */
class Site {
  readonly elicitations: Elicitations = createElicitations()
  readonly connected = new Set<string>()
  origin = ''

  urlOf(id: string): string {
    return `${this.origin}/connect/${id}`
  }

  /** The page behind the URL: it takes the person who was asked and nobody else. */
  readonly serve: Handle = async (req, res) => {
    const id = String(req.url).replace('/connect/', '')
    const identity = identityOf({ authInfo: req.auth })
    if (!(await this.elicitations.isFor(id, identity))) return void res.writeHead(404).end()
    this.connected.add(id)
    res.writeHead(200).end()
  }
}

/** A tool that asks within the call, as sessions of the older revisions do. */
function withSession(generation: Generation): (site: Site) => Handle {
  const Transport = (
    generation === 'v1' ? StreamableHTTPServerTransport : NodeStreamableHTTPServerTransport
  ) as typeof StreamableHTTPServerTransport
  return (site) => {
    const sessions = new Map<unknown, StreamableHTTPServerTransport>()
    return async (req, res, body) => {
      const known = sessions.get(req.headers['mcp-session-id'])
      const transport: StreamableHTTPServerTransport =
        known ??
        new Transport({
          sessionIdGenerator: () => randomUUID(),
          onsessioninitialized: (id) => void sessions.set(id, transport),
        })
      if (known === undefined) await askingServer(generation, site).connect(transport as never)
      await transport.handleRequest(req as never, res, body)
    }
  }
}

function askingServer(generation: Generation, site: Site) {
  const server = protect(makeServer(generation))
  server.registerTool('connect', { inputSchema: nothing }, async (_args, extra) => {
    const elicitationId = await site.elicitations.open(extra)
    const url = site.urlOf(elicitationId)
    const asked = { mode: 'url', message: 'Connect', url, elicitationId } as const
    // SDK v2 relates a question to its call by itself.
    const { action } = await server.server.elicitInput(asked, {
      relatedRequestId: extra.requestId ?? (extra as unknown as V2Context).mcpReq.id,
    })
    return reply(site.connected.has(elicitationId) ? action : 'not connected')
  })
  return server
}

interface V2Context {
  readonly mcpReq: {
    readonly id: number
    readonly inputResponses?: Record<string, unknown>
    readonly requestState: () => string | undefined
  }
}

/** A tool that answers with a question, as in the 2026-07-28 revision. */
function withoutSession(site: Site): Handle {
  const handle = toNodeHandler(
    createMcpHandler(() => {
      const server = protect(makeServer('v2'))
      server.registerTool('connect', { inputSchema: nothing }, (async (
        _args: object,
        extra: object,
      ) => {
        const { inputResponses, requestState } = (extra as unknown as V2Context).mcpReq
        const known = requestState()
        if (inputResponses !== undefined && known !== undefined) {
          // The state comes back from the client: it may be the id of another caller's.
          const isOwn = await site.elicitations.isFor(known, identityOf(extra))
          return reply(isOwn && site.connected.has(known) ? 'accept' : 'not connected')
        }
        const id = await site.elicitations.open(extra)
        const connect = inputRequired.elicitUrl({ message: 'Connect', url: site.urlOf(id) })
        return inputRequired({ inputRequests: { connect }, requestState: id } as never)
      }) as never)
      return server as never
    }),
  )
  return (req, res, body) => handle(req as never, res as never, body)
}

function headersOf(caller: string) {
  return { requestInit: { headers: { 'x-caller': caller } } }
}

async function callV1(url: URL, caller: string, open: Open): Promise<string> {
  const client = new ClientV1(info, { capabilities })
  client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
    await open((params as { url: string }).url)
    return { action: 'accept' as const }
  })
  await client.connect(new HttpV1(url, headersOf(caller)) as never)
  onTestFinished(() => client.close())
  const { content } = await client.callTool({ name: 'connect', arguments: {} })
  return (content as { text: string }[])[0]?.text ?? ''
}

async function callV2(url: URL, caller: string, open: Open, isModern: boolean): Promise<string> {
  const mode = isModern ? ({ pin: '2026-07-28' } as const) : 'legacy'
  const client = new ClientV2(info, { capabilities, versionNegotiation: { mode } })
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    await open((params as { url: string }).url)
    return { action: 'accept' as const }
  })
  await client.connect(new HttpV2(url, headersOf(caller)))
  onTestFinished(() => client.close())
  const { content } = await client.callTool({ name: 'connect', arguments: {} })
  return (content as { text: string }[])[0]?.text ?? ''
}

const ways = [
  { way: 'SDK v1', serve: withSession('v1'), ask: callV1 },
  {
    way: 'SDK v2 with sessions',
    serve: withSession('v2'),
    ask: (url: URL, caller: string, open: Open) => callV2(url, caller, open, false),
  },
  {
    way: 'SDK v2, 2026-07-28',
    serve: withoutSession,
    ask: (url: URL, caller: string, open: Open) => callV2(url, caller, open, true),
  },
]

describe.each(ways)('a URL elicitation under $way', ({ serve, ask }) => {
  async function start() {
    const site = new Site()
    const mcp = serve(site)
    const running = await host((req, res, body) =>
      (req.url?.startsWith('/connect/') ? site.serve : mcp)(req, res, body),
    )
    onTestFinished(() => running.close())
    site.origin = running.url.origin
    const visit = async (url: string, caller?: string) => {
      const headers = caller === undefined ? {} : { 'x-caller': caller }
      return (await fetch(url, { headers })).status
    }
    return { url: running.url, visit }
  }

  test('opens for the person who was asked', async () => {
    const { url, visit } = await start()
    const visits: number[] = []
    const open: Open = async (asked) => visits.push(await visit(asked, 'ada'))
    expect(await ask(url, 'ada', open)).toBe('accept')
    expect(visits).toEqual([200])
  })

  test('is unknown to anyone else, and stays open for that user', async () => {
    const { url, visit } = await start()
    const visits: number[] = []
    const open: Open = async (asked) => {
      for (const caller of ['bob', undefined, 'copy-of-ada']) {
        visits.push(await visit(asked, caller))
      }
      visits.push(await visit(asked.replace(/[^/]+$/, randomUUID()), 'bob'))
    }
    expect(await ask(url, 'ada', open)).toBe('not connected')
    expect(visits).toEqual([404, 404, 404, 404])
  })
})

describe('createElicitations', () => {
  const context = { authInfo: authInfoOf('ada') }
  const ada = callers.get('ada')

  test('knows a person in whatever organization, and by issuer and subject alone', async () => {
    const elicitations = createElicitations()
    const id = await elicitations.open(context)
    expect(await elicitations.isFor(id, makeIdentity({ subject: 'ada' }))).toBe(true)
    const other = makeIdentity({ subject: 'ada', issuer: 'https://other.example' })
    expect(await elicitations.isFor(id, other)).toBe(false)
    expect(await elicitations.isFor('', ada)).toBe(false)
  })

  test('forgets after its time', async () => {
    let seconds = 0
    const store = memoryStore({ monotonic: () => seconds })
    const elicitations = createElicitations({ store, ttlSeconds: 60 })
    const id = await elicitations.open(context)
    seconds = 59
    expect(await elicitations.isFor(id, ada)).toBe(true)
    seconds = 60
    expect(await elicitations.isFor(id, ada)).toBe(false)
  })

  test('is shared by processes that share a store', async () => {
    const store = memoryStore()
    const id = await createElicitations({ store }).open(context)
    expect(await createElicitations({ store }).isFor(id, ada)).toBe(true)
    expect(await createElicitations().isFor(id, ada)).toBe(false)
  })

  test('sends nobody anywhere without an identity', async () => {
    await expect(createElicitations().open({})).rejects.toMatchObject({
      message: 'Access denied: the call carries no verified identity.',
      code: 31_401,
    })
  })

  test.each([0, -1, Number.NaN])('throws TypeError for a time of %s seconds', (ttlSeconds) => {
    expect(() => createElicitations({ ttlSeconds })).toThrow(
      new TypeError('ttlSeconds must be positive'),
    )
  })
})
