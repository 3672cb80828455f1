import { randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { WebStandardStreamableHTTPServerTransport as WebV1 } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { WebStandardStreamableHTTPServerTransport as WebV2 } from '@modelcontextprotocol/server'
import { type ProtectOptions, protect, requireUser } from '@onbehalf/mcp'
import { describe, expect, onTestFinished, test } from 'vitest'
import { authInfoOf, makeAuthInfo, makeIdentity } from './support/callers.ts'
import { host } from './support/http-host.ts'
import { deferred, makeServer, nothing, reply } from './support/make-server.ts'
import { call, generations, linkedPair } from './support/raw.ts'
import { createTokenAuthenticator, mintToken, start } from './support/tokens.ts'

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  },
}
const headers = {
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
}
const url = 'http://127.0.0.1/mcp'

interface Sent {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: string
}

/** The least that the transports of both SDKs read. */
class LeanRequest {
  readonly method: string
  readonly headers: Headers
  readonly url = url
  readonly #native: Request

  constructor(sent: Sent) {
    this.#native = new Request(url, sent)
    this.method = sent.method
    this.headers = this.#native.headers
  }

  text = (): Promise<string> => this.#native.text()
  json = (): Promise<unknown> => this.#native.json()
}

type MakeRequest = (sent: Sent) => unknown

const requests: Record<string, MakeRequest> = {
  'the global class': (sent) => new Request(url, sent),
  'a subclass': (sent) => new (class extends Request {})(url, sent),
  'a proxy of one': (sent) => {
    const native = new Request(url, sent)
    return new Proxy(native, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  },
  'no class of ours': (sent) => new LeanRequest(sent),
  'an object': (sent) => Object.assign({}, new LeanRequest(sent)),
}

interface WebTransport {
  handleRequest(request: never, options?: object): Promise<Response>
}

describe.each(generations)('a session of %s', (generation) => {
  async function open(options: ProtectOptions = {}, transportOptions: object = {}) {
    const Transport = (generation === 'v1' ? WebV1 : WebV2) as typeof WebV1
    const transport = new Transport({
      sessionIdGenerator: () => randomUUID(),
      ...transportOptions,
    }) as unknown as WebTransport
    const server = protect(makeServer(generation, { capabilities: { logging: {} } }), options)
    await server.connect(transport as never)
    onTestFinished(() => server.close())
    return { server, transport }
  }

  test.each(Object.entries(requests))(
    'belongs to its caller, whatever a request is made of: %s',
    async (_what, make) => {
      const { transport } = await open()
      let session: Record<string, string> = {}
      const send = (method: string, caller: string, body?: object): Promise<Response> => {
        const text = body && { body: JSON.stringify(body) }
        const sent = { method, headers: { ...headers, ...session }, ...text }
        const options = { authInfo: authInfoOf(caller), ...(body && { parsedBody: body }) }
        return transport.handleRequest(make(sent) as never, options)
      }
      const opened = await send('POST', 'ada', initialize)
      await opened.text()
      session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
      for (const method of ['GET', 'DELETE']) {
        expect((await send(method, 'eve')).status).toBe(404)
      }
      const stream = await send('GET', 'ada')
      expect(stream.status).toBe(200)
      await stream.body?.cancel()
    },
  )

  test.each([
    ['nothing', []],
    ['an object without a method', [{ headers: new Headers() }]],
    ['a request that nothing can answer', [{ method: 'GET', headers: {} }, {}]],
    ['a context of another framework', [{ request: new Request(url) }]],
  ])('is closed to what is not understood: %s', async (_what, input) => {
    const { transport } = await open()
    const authInfo = authInfoOf('ada')
    const sent = { method: 'POST', headers, body: JSON.stringify(initialize) }
    await (await transport.handleRequest(new Request(url, sent) as never, { authInfo })).text()
    const handle = transport.handleRequest.bind(transport) as (...given: unknown[]) => unknown
    await expect(handle(...input)).rejects.toThrow(/is not a request/)
  })

  test('hands no stream to nobody that was being opened when its owner spoke', async () => {
    const asked = deferred()
    const found = deferred()
    const eventStore = {
      storeEvent: async (streamId: string) => `${streamId}#1`,
      getStreamIdForEventId: async (eventId: string) => eventId.split('#')[0],
      replayEventsAfter: async (eventId: string) => {
        asked.resolve()
        await found.promise
        return eventId.split('#')[0] ?? ''
      },
    }
    const { server, transport } = await open({}, { eventStore })
    let session: Record<string, string> = {}
    const send = (method: string, caller: string | undefined, body?: object, more = {}) => {
      const text = body && { body: JSON.stringify(body) }
      const sent = { method, headers: { ...headers, ...session, ...more }, ...text }
      const authInfo = authInfoOf(caller)
      return transport.handleRequest(
        new Request(url, sent) as never,
        authInfo === undefined ? {} : { authInfo },
      )
    }
    const opened = await send('POST', undefined, initialize)
    await opened.text()
    const id = opened.headers.get('mcp-session-id') ?? ''
    session = { 'mcp-session-id': id }
    const anonymous = send('GET', undefined, undefined, {
      'last-event-id': `${id}:_GET_stream#1`,
    })
    await asked.promise
    await (await send('POST', 'ada', { jsonrpc: '2.0', id: 1, method: 'ping' })).text()
    found.resolve()
    expect((await anonymous).status).toBe(404)
    const own = await send('GET', 'ada')
    expect(own.status).toBe(200)
    void server.server.sendLoggingMessage({ level: 'info', data: 'for ada' })
    const { value } = await own.body!.pipeThrough(new TextDecoderStream()).getReader().read()
    expect(value).toContain('for ada')
  })

  test('has one transport: a server refuses a second one', async () => {
    const server = protect(makeServer(generation))
    await server.connect(linkedPair(generation)[1] as never)
    const [, second] = linkedPair(generation)
    await expect(server.connect(second as never)).rejects.toThrow(/connect/)
    await server.close()
    await server.connect(linkedPair(generation)[1] as never)
    await server.close()
  })
})

describe('a stream of the older HTTP and SSE transport', () => {
  /** Serves one stream, whose callers are named by a header or proven by a token. */
  async function serveStream(options: ProtectOptions = {}) {
    const server = protect(makeServer('v1', { capabilities: { logging: {} } }), options)
    server.registerTool(
      'any',
      { inputSchema: nothing },
      requireUser(async () => reply('done')),
    )
    let transport: SSEServerTransport | undefined
    const open = await host(async (req, res, body) => {
      if (req.headers['x-expires'] !== undefined) {
        const expiresAt = Number(req.headers['x-expires'])
        req.auth = makeAuthInfo(makeIdentity({ expiresAt }))
      }
      if (req.method === 'GET') {
        transport = new SSEServerTransport('/messages', res)
        await server.connect(transport)
      } else await transport?.handlePostMessage(req as never, res, body)
    })
    onTestFinished(() => open.close())
    return { server, url: open.url }
  }

  /** The status of a GET request, and what becomes of its stream. */
  function get(from: URL, more: Record<string, string>) {
    const got = { status: 0, text: '', hasEnded: false }
    const opened = deferred()
    const sent = httpRequest(from, { headers: { ...headers, ...more } }, (response) => {
      got.status = response.statusCode ?? 0
      response.on('data', (chunk: Buffer) => {
        got.text += chunk.toString()
        opened.resolve()
      })
      response.on('end', () => {
        got.hasEnded = true
        opened.resolve()
      })
      response.on('error', () => {})
    })
    sent.on('error', () => {})
    sent.end()
    onTestFinished(() => void sent.destroy())
    return { got, opened: opened.promise }
  }

  async function send(to: URL, id: number, more: Record<string, string>): Promise<number> {
    const body = JSON.stringify(call(id, 'any'))
    const { status } = await fetch(to, { method: 'POST', headers: { ...headers, ...more }, body })
    return status
  }

  test('ends with the token that opened it', async () => {
    const { url: from } = await serveStream()
    // The grace of a minute is nearly over.
    const { got } = get(from, { 'x-expires': String(Date.now() / 1000 - 59.5) })
    await expect.poll(() => got.hasEnded).toBe(true)
    expect(got.status).toBe(200)
  })

  test('that nobody opened carries nothing for an identity that speaks in it', async () => {
    const { url: from } = await serveStream()
    const { got, opened } = get(from, {})
    await opened
    expect(await send(from, 1, { 'x-caller': 'ada' })).toBe(404)
    expect(await send(from, 2, {})).toBe(202)
    await expect.poll(() => got.text).toContain('identity_missing')
    expect(got.text).not.toContain('done')
  })

  test('is opened with a token where the server authenticates', async () => {
    const { server, url: from } = await serveStream({
      authenticator: createTokenAuthenticator(() => start),
      clock: () => start,
    })
    const refused = get(from, {})
    await expect.poll(() => refused.got.status).toBe(401)
    expect(server.isConnected()).toBe(false)
    const token = (sub: string) => ({
      authorization: `Bearer ${mintToken({ sub, iat: start, exp: start + 300 })}`,
    })
    const { got, opened } = get(from, token('ada'))
    await opened
    expect(await send(from, 1, token('eve'))).toBe(404)
    expect(await send(from, 2, token('ada'))).toBe(202)
    await expect.poll(() => got.text).toContain('done')
  })
})
