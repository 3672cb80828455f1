import { randomUUID } from 'node:crypto'
import { WebStandardStreamableHTTPServerTransport as WebV1 } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { WebStandardStreamableHTTPServerTransport as WebV2 } from '@modelcontextprotocol/server'
import { protect } from '@onbehalf/mcp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { makeAuthInfo, makeIdentity } from './support/callers.ts'
import { makeServer } from './support/make-server.ts'
import { generations } from './support/raw.ts'

const start = 1_800_000_000
let time = start

beforeEach(() => {
  time = start
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => void vi.useRealTimers())

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  },
}

/** Both clocks: that of the server, and the one that timers run by. */
async function pass(seconds: number): Promise<void> {
  time += seconds
  await vi.advanceTimersByTimeAsync(seconds * 1000)
}

describe.each(generations)('the GET stream of a %s session', (generation) => {
  async function openSession() {
    const Transport = (generation === 'v1' ? WebV1 : WebV2) as typeof WebV1
    const transport = new Transport({ sessionIdGenerator: () => randomUUID() })
    const server = protect(makeServer(generation), { clock: () => time })
    await server.connect(transport as never)
    const accept = 'application/json, text/event-stream'
    let headers: Record<string, string> = { accept, 'content-type': 'application/json' }
    const send = (method: string, tokenSeconds: number, body?: object): Promise<Response> => {
      const authInfo = makeAuthInfo(makeIdentity({ expiresAt: time + tokenSeconds }))
      const sent = { method, headers, ...(body && { body: JSON.stringify(body) }) }
      return transport.handleRequest(new Request('http://127.0.0.1/mcp', sent), { authInfo })
    }
    const opened = await send('POST', 600, initialize)
    await opened.text()
    headers = { ...headers, 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
    return { server, send, get: (tokenSeconds: number) => send('GET', tokenSeconds) }
  }

  /** Whether a stream has ended by now. */
  async function hasEnded(stream: Response): Promise<() => boolean> {
    let ended = false
    void stream.text().then(() => {
      ended = true
    })
    return () => ended
  }

  test.each([
    ['longer', 600],
    ['less long', 10],
  ])(
    'ends with the identity that opened it, not with one that asked later for %s',
    async (_for, later) => {
      const { get } = await openSession()
      const ended = await hasEnded(await get(100))
      expect((await get(later)).status).toBe(409)
      await pass(159)
      expect(ended()).toBe(false)
      await pass(2)
      expect(ended()).toBe(true)
    },
  )

  test('ends with the new identity when it is opened again', async () => {
    const { get } = await openSession()
    await (await get(100)).body?.cancel()
    const ended = await hasEnded(await get(600))
    await pass(300)
    expect(ended()).toBe(false)
    await pass(361)
    expect(ended()).toBe(true)
  })

  test.each([
    ['its client leaves', async ({ stream }: Opened) => stream.body?.cancel()],
    ['the session is deleted', async ({ send }: Opened) => send('DELETE', 600)],
    ['the server closes', async ({ server }: Opened) => server.close()],
  ])('leaves no timer when %s', async (_when, end) => {
    const session = await openSession()
    const stream = await session.get(100)
    expect(vi.getTimerCount()).toBeGreaterThan(0)
    await end({ ...session, stream })
    expect(vi.getTimerCount()).toBe(0)
  })

  test('leaves no timer when it was refused', async () => {
    const { get } = await openSession()
    const stream = await get(100)
    const before = vi.getTimerCount()
    await (await get(100)).text()
    expect(vi.getTimerCount()).toBe(before)
    await stream.body?.cancel()
  })
})

interface Opened {
  readonly stream: Response
  readonly server: { close(): Promise<void> }
  readonly send: (method: string, tokenSeconds: number) => Promise<Response>
}
