import { request } from 'node:http'
import type { LocalIssuer } from '@onbehalf/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  credentialsOf,
  post,
  serve,
  serveRecorder,
  startGateway,
  startIssuer,
  tokenOf,
} from './fixture.ts'

let issuer: LocalIssuer
let ada: string

beforeAll(async () => {
  issuer = await startIssuer()
  ada = await tokenOf(issuer, 'ada')
})

afterAll(() => issuer.close())

const PROTOCOL = {
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
  'last-event-id': 'e-1',
  'mcp-method': 'tools/call',
  'mcp-name': 'whoami',
  'mcp-param-note': 'hello',
  'mcp-protocol-version': '2026-07-28',
  'mcp-session-id': 's-1',
}

describe('a target', () => {
  it('gets the headers of MCP, the allowed ones, and no other of the caller', async () => {
    const { endpoint, received } = await serveRecorder()
    const credential = credentialsOf(issuer).machine
    const { url, gateway } = await startGateway(issuer, { endpoint, credential })
    await post(url, ada, {
      ...PROTOCOL,
      'X-Tenant-Id': 'acme',
      'x-tenant-id-2': 'evil',
      x_tenant_id: 'evil',
      'x-amzn-oidc-data': 'evil',
      'x-forwarded-for': '10.0.0.1',
      'proxy-authorization': 'Basic evil',
      'accept-encoding': 'gzip',
      'user-agent': 'evil',
      cookie: 'session=evil',
      dpop: 'evil',
      origin: 'https://evil.example',
    })
    expect(received.map(({ headers }) => headers)).toEqual([
      {
        ...PROTOCOL,
        'x-tenant-id': 'acme',
        authorization: `Bearer ${await gateway.machineToken('server')}`,
        'content-length': '40',
        host: new URL(endpoint).host,
        connection: 'keep-alive',
      },
    ])
  })

  it('gets no header that only another target allows', async () => {
    const { endpoint, received } = await serveRecorder()
    const credential = credentialsOf(issuer).machine
    const metadataConfiguration = { allowedRequestHeaders: ['x-tenant-id'] }
    const { gateway } = await startGateway(
      issuer,
      { endpoint, credential },
      {
        targets: [
          { name: 'server', endpoint, credential, metadataConfiguration },
          { name: 'other', endpoint, credential },
        ],
      },
    )
    for (const name of ['server', 'other']) {
      await post(gateway.mcpUrl(name), ada, { 'x-tenant-id': 'acme' })
    }
    expect(received.map(({ headers }) => headers['x-tenant-id'])).toEqual(['acme', undefined])
  })

  it.each(['X-User-Token', 'x-user-token', 'X-USER-TOKEN'])(
    'never gets a %s that the caller typed, in however many lines',
    async (name) => {
      const { endpoint, received } = await serveRecorder()
      const credential = credentialsOf(issuer).forwarding
      const { url } = await startGateway(issuer, { endpoint, credential })
      const lines = [name, 'typed', name, 'again', 'x_user_token', 'smuggled']
      expect(await sendLines(url, ['authorization', `Bearer ${ada}`, ...lines])).toBe(200)
      expect(received[0]?.headers).toMatchObject({ 'x-user-token': ada })
      expect(received[0]?.headers).not.toHaveProperty('x_user_token')
    },
  )

  it('gets an allowed header as the caller typed it, where nothing overwrites it', async () => {
    const { endpoint, received } = await serveRecorder()
    const credential = credentialsOf(issuer).machine
    const { url } = await startGateway(issuer, { endpoint, credential })
    await post(url, ada, { 'x-user-token': 'typed' })
    expect(received[0]?.headers['x-user-token']).toBe('typed')
  })
})

describe('a caller', () => {
  it('gets the headers of MCP, and no other of the target', async () => {
    const answer = {
      'cache-control': 'no-store',
      'content-type': 'application/json',
      'mcp-protocol-version': '2025-06-18',
      'mcp-session-id': 's-1',
      'retry-after': '3',
    }
    const endpoint = await serve((_req, res) => {
      res.writeHead(503, { ...answer, 'set-cookie': 'a=b', server: 'x', 'x-debug': 'y' }).end('{}')
    })
    const credential = credentialsOf(issuer).machine
    const { url } = await startGateway(issuer, { endpoint, credential })
    const { status, headers } = await post(url, ada)
    expect(status).toBe(503)
    const ofConnection = new Set(['connection', 'date', 'keep-alive', 'transfer-encoding'])
    const names = [...headers.keys()].filter((name) => !ofConnection.has(name))
    expect(Object.fromEntries(names.map((name) => [name, headers.get(name)]))).toEqual(answer)
  })
})

/** Sends header lines as they are, duplicates included. */
function sendLines(url: string, headers: readonly string[]): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers: [...headers, 'host', new URL(url).host] })
    sent.once('error', reject)
    sent.once('response', (response) => resolve(response.resume().statusCode))
    sent.end('{}')
  })
}
