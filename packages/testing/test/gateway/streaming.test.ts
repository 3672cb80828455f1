import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import type { LocalIssuer } from '@onbehalf/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  credentialsOf,
  post,
  type StartedGateway,
  serve,
  startGateway,
  startIssuer,
  tokenOf,
} from './fixture.ts'
import { generations } from './servers.ts'

let issuer: LocalIssuer
let ada: string

beforeAll(async () => {
  issuer = await startIssuer()
  ada = await tokenOf(issuer, 'ada')
})

afterAll(() => issuer.close())

function start(endpoint: string): Promise<StartedGateway> {
  return startGateway(issuer, { endpoint, credential: credentialsOf(issuer).forwarding })
}

describe.each(generations)('$name', ({ startServer, connect }) => {
  it('sees every event when it happens', async () => {
    const server = await startServer()
    const { url } = await start(server.endpoint)
    const client = await connect(url, { authorization: `Bearer ${ada}` })
    const seen: number[] = []
    const result = client.steps((step) => seen.push(step))
    // A step is let go only once the one before it has arrived: anything that waits for more hangs.
    for (const expected of [[1], [1, 2], [1, 2, 3]]) {
      server.next()
      await expect.poll(() => seen).toEqual(expected)
    }
    server.next()
    await expect(result).resolves.toMatchObject({ content: [{ text: '"done"' }] })
  })

  it('keeps many callers apart', async () => {
    const server = await startServer()
    const { url } = await start(server.endpoint)
    const people = Array.from({ length: 8 }, (_, n) => `person-${n}`)
    const tokens = await Promise.all(people.map((person) => tokenOf(issuer, person)))
    const seen = tokens.map(async (token) => {
      const client = await connect(url, { authorization: `Bearer ${token}` })
      const calls = [1, 2, 3, 4, 5].map(() => client.whoami('hello'))
      return (await Promise.all(calls)).map((headers) => headers['x-user-token'])
    })
    expect(await Promise.all(seen)).toEqual(tokens.map((token) => Array(5).fill(token)))
  })
})

describe('a session of SDK v1', () => {
  const [{ startServer, connect }] = generations as [(typeof generations)[0]]

  it('has its own stream, and ends when the caller says so', async () => {
    const server = await startServer()
    const { url, hops } = await start(server.endpoint)
    const client = await connect(url, { authorization: `Bearer ${ada}` })
    let changes = 0
    client.onToolsChanged(() => {
      changes += 1
    })
    await expect.poll(() => hops.map(({ httpMethod }) => httpMethod)).toContain('GET')
    const [session] = server.sessions.values()
    session?.sendToolListChanged()
    await expect.poll(() => changes).toBe(1)
    await client.endSession()
    expect(server.sessions.size).toBe(0)
    expect(hops.at(-1)).toMatchObject({ httpMethod: 'DELETE', method: undefined })
  })
})

describe('a broken connection', () => {
  /** A server that starts an event stream and leaves the rest to the test. */
  async function serveStreams({ starts = true } = {}) {
    const open: ServerResponse[] = []
    const closed: ServerResponse[] = []
    const endpoint = await serve((_req, res) => {
      open.push(res)
      res.once('close', () => closed.push(res))
      if (starts) res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    })
    return { endpoint, open, closed }
  }

  async function openStream(url: string, signal?: AbortSignal) {
    const headers = { authorization: `Bearer ${ada}` }
    const { body } = await fetch(url, { headers, ...(signal && { signal }) })
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    const { value } = await reader.read()
    expect(Buffer.from(value ?? []).toString()).toBe('data: 1\n\n')
    return reader
  }

  it('by the caller ends the request at the target', async () => {
    const { endpoint, open, closed } = await serveStreams()
    const { url, errors } = await start(endpoint)
    const caller = new AbortController()
    const reader = await openStream(url, caller.signal)
    expect([open.length, closed.length]).toEqual([1, 0])
    caller.abort()
    await expect(reader.read()).rejects.toMatchObject({ name: 'AbortError' })
    await expect.poll(() => closed.length).toBe(1)
    expect(errors).toEqual([])
  })

  it('by the caller, before the target answers, ends the request there too', async () => {
    const { endpoint, open, closed } = await serveStreams({ starts: false })
    const { url, errors } = await start(endpoint)
    const caller = new AbortController()
    const headers = { authorization: `Bearer ${ada}` }
    const { signal } = caller
    const call = Promise.allSettled([fetch(url, { method: 'POST', headers, body: '{}', signal })])
    await expect.poll(() => open.length).toBe(1)
    caller.abort()
    expect(await call).toMatchObject([{ reason: { name: 'AbortError' } }])
    await expect.poll(() => closed.length).toBe(1)
    expect(errors).toEqual([])
  })

  it('by the target ends the answer to the caller, and cannot pass for its end', async () => {
    const { endpoint, open } = await serveStreams()
    const { url, errors } = await start(endpoint)
    const reader = await openStream(url)
    open[0]?.destroy()
    await expect(reader.read()).rejects.toBeInstanceOf(TypeError)
    await expect.poll(() => errors).toMatchObject([{ code: 'ECONNRESET' }])
  })

  it('by the target, before it answers, is answered for', async () => {
    const { endpoint, open } = await serveStreams({ starts: false })
    const { url, errors } = await start(endpoint)
    const call = post(url, ada, {}, { jsonrpc: '2.0', id: 3, method: 'tools/list' })
    await expect.poll(() => open.length).toBe(1)
    open[0]?.destroy()
    const response = await call
    expect([response.status, await response.json()]).toMatchObject([502, { id: 3 }])
    expect(errors).toMatchObject([{ code: 'ECONNRESET' }])
  })

  it('by the target, before the caller has sent everything, is answered for', async () => {
    const { endpoint, open, closed } = await serveStreams({ starts: false })
    const { url, errors } = await start(endpoint)
    const headers = { authorization: `Bearer ${ada}` }
    const call = request(url, { method: 'POST', headers })
    const answer = once(call, 'response') as Promise<[IncomingMessage]>
    call.write('{"jsonrpc":"2.0",')
    await expect.poll(() => open.length).toBe(1)
    open[0]?.destroy()
    await expect.poll(() => [closed.length, errors.length]).toEqual([1, 1])
    call.end('"id":4}')
    const [response] = await answer
    expect([response.statusCode, await json(response)]).toMatchObject([502, { id: 4 }])
  })

  it('by the gateway ends both sides', async () => {
    const { endpoint, closed } = await serveStreams()
    const { gateway, url } = await start(endpoint)
    const reader = await openStream(url)
    await gateway.close()
    await expect(reader.read()).rejects.toBeInstanceOf(TypeError)
    await expect.poll(() => closed.length).toBe(1)
  })

  it('by a caller who waits for a token asks nothing of the target', async () => {
    const { endpoint, open } = await serveStreams()
    const asked: ServerResponse[] = []
    const tokenEndpoint = await serve((_req, res) => asked.push(res))
    const provider = { tokenEndpoint, clientId: 'gateway', clientSecret: 'x' }
    const credential = { type: 'clientCredentials', provider } as const
    const { gateway, url } = await startGateway(issuer, { endpoint, credential })
    const caller = new AbortController()
    const headers = { authorization: `Bearer ${ada}` }
    const call = Promise.allSettled([fetch(url, { headers, signal: caller.signal })])
    await expect.poll(() => asked.length).toBe(1)
    caller.abort()
    expect(await call).toMatchObject([{ reason: { name: 'AbortError' } }])
    asked[0]?.end(JSON.stringify({ access_token: 'late', expires_in: 300 }))
    expect(await gateway.machineToken('server')).toBe('late')
    // What had been asked of the target would have been asked before this.
    await (await openStream(url)).cancel()
    expect(open).toHaveLength(1)
  })
})

describe('an event stream', () => {
  it('is open for the caller before its first event', async () => {
    const endpoint = await serve((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    })
    const { url } = await start(endpoint)
    const response = await fetch(url, { headers: { authorization: `Bearer ${ada}` } })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    await response.body?.cancel()
  })
})

describe('a target that answers before it has read everything', () => {
  it('is heard', async () => {
    const endpoint = await serve((_req, res) => {
      res.writeHead(413).end('too much')
    })
    const { url } = await start(endpoint)
    const response = await post(url, ada, {}, { note: 'x'.repeat(5_000_000) })
    expect([response.status, await response.text()]).toEqual([413, 'too much'])
  })
})

describe('a long answer', () => {
  it('is not read faster than the caller reads', async () => {
    let written = 0
    const chunk = Buffer.alloc(1024 * 1024)
    const endpoint = await serve((_req, res) => {
      const fill = (): void => {
        while (written < 64 && res.write(chunk)) written += 1
        if (written < 64) res.once('drain', fill)
        else res.end()
      }
      fill()
    })
    const { url } = await start(endpoint)
    const { body } = await fetch(url, { headers: { authorization: `Bearer ${ada}` } })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(written).toBeLessThan(48)
    await body?.cancel()
  })
})
