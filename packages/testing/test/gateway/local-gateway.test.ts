import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { checkResourceAllowed } from '@modelcontextprotocol/sdk/shared/auth-utils.js'
import {
  createLocalGateway,
  type LocalGatewayOptions,
  type LocalIssuer,
  type LocalTarget,
} from '@onbehalf/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  authenticatorOf,
  credentialsOf,
  GATEWAY,
  MCP,
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

async function start() {
  const { endpoint, received } = await serveRecorder()
  const credential = credentialsOf(issuer).forwarding
  return { ...(await startGateway(issuer, { endpoint, credential })), received }
}

describe('callers', () => {
  it('learn who issues tokens for the gateway when they have none', async () => {
    const { url, received, hops } = await start()
    const response = await post(url, undefined)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer scope="gateway/invoke", resource_metadata="${GATEWAY}/.well-known/oauth-protected-resource"`,
    )
    expect([received, hops]).toEqual([[], []])
  })

  it.each<[string, () => Promise<string>]>([
    ['expired', () => tokenOf(issuer, 'ada', {}, -600)],
    ['for the server', () => tokenOf(issuer, 'ada', { aud: MCP })],
    ['of another issuer', () => tokenOf(issuer, 'ada', { iss: 'https://other.example' })],
  ])('are refused when their token is %s', async (_case, mint) => {
    const { url, received } = await start()
    const response = await post(url, await mint())
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"')
    expect(received).toEqual([])
  })

  it('are answered with 503 when the keys are out of reach', async () => {
    const gone = await startIssuer()
    const token = await tokenOf(gone, 'ada')
    await gone.close()
    const { endpoint } = await serveRecorder()
    const credential = credentialsOf(issuer).machine
    const authenticator = authenticatorOf(gone)
    const { url } = await startGateway(issuer, { endpoint, credential }, { authenticator })
    const response = await post(url, token)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
  })

  it('need a token for the target that they call, where each is a resource', async () => {
    const { endpoint, received } = await serveRecorder()
    const credential = credentialsOf(issuer).machine
    const resources = [`${GATEWAY}/server/mcp`, `${GATEWAY}/other/mcp`]
    const { gateway, url } = await startGateway(
      issuer,
      { endpoint, credential },
      {
        authenticator: authenticatorOf(issuer, resources),
        targets: ['server', 'other'].map((name) => ({ name, endpoint, credential })),
      },
    )
    const token = await tokenOf(issuer, 'ada', { aud: resources[0] })
    expect((await post(url, token)).status).toBe(200)
    const other = await post(`${gateway.url}/other/mcp`, token)
    const path = '/.well-known/oauth-protected-resource/other/mcp'
    expect(other.status).toBe(401)
    expect(other.headers.get('www-authenticate')).toContain(`"${GATEWAY}${path}"`)
    const metadata = await fetch(`${gateway.url}${path}`)
    expect(await metadata.json()).toMatchObject({ resource: resources[1] })
    expect(received).toHaveLength(1)
  })

  it('find the metadata that the challenge names', async () => {
    const port = await freePort()
    const resource = `http://127.0.0.1:${port}`
    const authenticator = authenticatorOf(issuer, resource)
    const { endpoint } = await serveRecorder()
    const credential = credentialsOf(issuer).machine
    const { gateway, url } = await startGateway(
      issuer,
      { endpoint, credential },
      { authenticator, port },
    )
    expect([gateway.url, gateway.mcpUrl('server')]).toEqual([resource, url])
    const challenge = (await post(url, undefined)).headers.get('www-authenticate') ?? ''
    const metadata = await fetch(/resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '')
    expect(await metadata.json()).toEqual({
      resource,
      authorization_servers: [issuer.issuer],
      scopes_supported: ['gateway/invoke'],
      bearer_methods_supported: ['header'],
    })
    // What the MCP clients ask before they present a token.
    const requestedResource = new URL(url)
    expect(checkResourceAllowed({ requestedResource, configuredResource: resource })).toBe(true)
  })
})

describe('requests', () => {
  it.each(['/', '/server', '/server/mcp/', '/server/sse', '/other/mcp', '/a/server/mcp'])(
    'to %s reach no target',
    async (path) => {
      const { gateway, received } = await start()
      const response = await post(`${gateway.url}${path}`, ada)
      expect(response.status).toBe(404)
      expect(await response.json()).toMatchObject({ error: { code: 31_404 } })
      expect(received).toEqual([])
    },
  )

  it('reveal no targets to a caller who is not authenticated', async () => {
    const { gateway } = await start()
    expect((await post(`${gateway.url}/other/mcp`, undefined)).status).toBe(401)
  })

  it.each(['PUT', 'PATCH', 'OPTIONS'])('by %s are not proxied', async (method) => {
    const { url, received } = await start()
    const response = await fetch(url, { method, headers: { authorization: `Bearer ${ada}` } })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST, GET, DELETE')
    expect(received).toEqual([])
  })

  it('keep their body and lose their query', async () => {
    const { url, received } = await start()
    const message = { jsonrpc: '2.0', id: 1, method: 'ping', note: 'é'.repeat(3_000_000) }
    expect((await post(`${url}?tenant=acme`, ada, {}, message)).status).toBe(200)
    expect(received).toMatchObject([{ method: 'POST', url: '/mcp', body: JSON.stringify(message) }])
  })

  it('cannot hide another request in the body of a GET', async () => {
    const { url, received } = await start()
    const { port, hostname, host } = new URL(url)
    const hidden = 'POST /hidden HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n'
    const lines = [
      'GET /server/mcp HTTP/1.1',
      `host: ${host}`,
      `authorization: Bearer ${ada}`,
      `content-length: ${hidden.length}`,
      'connection: close',
    ]
    const socket = connect(Number(port), hostname)
    socket.write(`${lines.join('\r\n')}\r\n\r\n${hidden}`)
    expect(await text(socket)).toMatch(/^HTTP\/1.1 /)
    expect(received.filter((request) => request.url === '/hidden')).toEqual([])
  })
})

describe('a target', () => {
  it('that does not listen is answered for, with the id of the call', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}/mcp`
    const credential = credentialsOf(issuer).machine
    const { url, errors, hops } = await startGateway(issuer, { endpoint, credential })
    const call = { jsonrpc: '2.0', id: 7, method: 'tools/list', note: 'x'.repeat(3_000_000) }
    const response = await post(url, ada, {}, call)
    expect(response.status).toBe(502)
    expect(await response.json()).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: { code: 31_502, message: 'The target did not answer' },
    })
    expect(errors).toMatchObject([{ code: 'ECONNREFUSED' }])
    expect(hops).toEqual([])
  })

  it('is spoken to by TLS where its endpoint says so', async () => {
    const plain = await serve(() => {})
    const endpoint = plain.replace('http:', 'https:')
    const credential = credentialsOf(issuer).machine
    const { url, errors } = await startGateway(issuer, { endpoint, credential })
    expect((await post(url, ada, {}, 'no message')).status).toBe(502)
    expect(errors).toMatchObject([{ code: expect.stringMatching(/SSL|EPROTO/) as unknown }])
  })

  it('is heard when it refuses', async () => {
    const endpoint = await serve((_req, res) => {
      res.writeHead(403, { 'www-authenticate': 'Bearer error="insufficient_scope"' })
      res.end('no')
    })
    const credential = credentialsOf(issuer).machine
    const { url } = await startGateway(issuer, { endpoint, credential })
    const response = await post(url, ada)
    expect([response.status, await response.text()]).toEqual([403, 'no'])
    // It challenges the gateway, not the caller.
    expect(response.headers.has('www-authenticate')).toBe(false)
  })
})

describe('createLocalGateway', () => {
  const endpoint = 'http://127.0.0.1:9/mcp'
  const create = (
    target: Partial<LocalTarget>,
    options: Partial<LocalGatewayOptions> = {},
  ): ReturnType<typeof createLocalGateway> => {
    const base = { name: 'server', endpoint, credential: { type: 'passthrough' } } as const
    const authenticator = authenticatorOf(issuer)
    return createLocalGateway({ authenticator, targets: [{ ...base, ...target }], ...options })
  }
  const allowing = (allowedRequestHeaders: readonly string[]): Partial<LocalTarget> => ({
    metadataConfiguration: { allowedRequestHeaders },
  })

  it.each<[string, Partial<LocalTarget>]>([
    ['name', { name: '' }],
    ['name', { name: 'a/b' }],
    ['name', { name: '.well-known' }],
    ['name', { name: 'a--b' }],
    ['name', { name: 'a'.repeat(101) }],
    ['endpoint', { endpoint: '/mcp' }],
    ['endpoint', { endpoint: 'file:///mcp' }],
    ['allowedRequestHeaders', allowing([])],
    ['allowedRequestHeaders', allowing(Array.from({ length: 11 }, (_, n) => `x-${n}`))],
    ['allowedRequestHeaders', allowing(['x'.repeat(101)])],
    ['allowedRequestHeaders', allowing(['x user'])],
    ['allowedRequestHeaders', allowing([''])],
  ])('refuses a wrong %s %#', async (option, target) => {
    const creation = create(target)
    await expect(creation).rejects.toBeInstanceOf(TypeError)
    await expect(creation).rejects.toThrow(`"${option}"`)
  })

  it.each([
    'Authorization',
    'Authorization-Extra',
    'Proxy-Authorization',
    'WWW-Authenticate',
    'Accept',
    'Accept-Language',
    'Content-Type',
    'Content-Security-Policy',
    'Cache-Control',
    'ETag',
    'Connection',
    'Host',
    'User-Agent',
    'Referer',
    'Origin',
    'From',
    'Range',
    'Transfer-Encoding',
    'TE',
    'Server',
    'Date',
    'Location',
    'Cookie',
    'Set-Cookie',
    'Strict-Transport-Security',
    'X-Frame-Options',
    'Access-Control-Request-Method',
    'Mcp-Session-Id',
    'Upgrade',
  ])('lets no target allow %s', async (name) => {
    await expect(create(allowing(['x-tenant-id', name]))).rejects.toThrow(
      new TypeError(`"allowedRequestHeaders" cannot have "${name.toLowerCase()}"`),
    )
  })

  it('refuses two targets of one name', async () => {
    const target = { name: 'server', endpoint, credential: { type: 'passthrough' } } as const
    await expect(create({}, { targets: [target, target] })).rejects.toThrow('"targets"')
  })

  it('refuses to forward tokens in a header that the target does not allow', async () => {
    const credential = credentialsOf(issuer).forwarding
    await expect(create({ credential })).rejects.toThrow('"forwardInboundToken"')
    await expect(create({ credential, ...allowing(['x-other']) })).rejects.toThrow(TypeError)
  })

  it('refuses more than ten custom parameters, and a token endpoint that is not a URL', async () => {
    const { machine } = credentialsOf(issuer)
    const entries = Array.from({ length: 11 }, (_, n) => [`p${n}`, ''] as const)
    const customParameters = Object.fromEntries(entries)
    await expect(create({ credential: { ...machine, customParameters } })).rejects.toThrow(
      '"customParameters"',
    )
    const provider = { ...machine.provider, tokenEndpoint: '/oauth2/token' }
    await expect(create({ credential: { ...machine, provider } })).rejects.toThrow(
      '"tokenEndpoint"',
    )
  })

  it('fails where the port is taken, and frees it on close', async () => {
    const first = await create({})
    const port = Number(new URL(first.url).port)
    await expect(create({}, { port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await first.close()
    const second = await create({}, { port })
    await second.close()
  })

  it('says of a target that was not declared that the caller erred', async () => {
    const { gateway } = await start()
    expect(() => gateway.mcpUrl('other')).toThrow(TypeError)
    await expect(gateway.machineToken('other')).rejects.toBeInstanceOf(TypeError)
    await expect(gateway.listTools('other')).rejects.toBeInstanceOf(TypeError)
  })
})

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
