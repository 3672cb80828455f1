import type { LocalIssuer } from '@onbehalf/testing'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  credentialsOf,
  MCP,
  PEOPLE,
  post,
  providerOf,
  type Received,
  serve,
  serveRecorder,
  startGateway,
  startIssuer,
  tokenOf,
} from './fixture.ts'
import { generations } from './servers.ts'

let issuer: LocalIssuer
let ada: string

beforeAll(async () => {
  issuer = await startIssuer()
  ada = await tokenOf(issuer, 'ada', { org_id: 'acme' })
})

afterAll(() => issuer.close())

function bearerOf({ authorization = '' }: { readonly authorization?: string | undefined }): string {
  return authorization.replace(/^Bearer /, '')
}

describe.each(generations)('a server of $name', ({ startServer, connect }) => {
  async function callAs(
    way: keyof ReturnType<typeof credentialsOf>,
    headers: Record<string, string> = {},
  ): Promise<Record<string, string>> {
    const { endpoint } = await startServer()
    const credential = credentialsOf(issuer)[way]
    const { url } = await startGateway(issuer, { endpoint, credential })
    const client = await connect(url, { authorization: `Bearer ${ada}`, ...headers })
    expect(await client.listTools()).toEqual(['whoami', 'steps'])
    return client.whoami('hello')
  }

  it('gets a machine token, and no person, by client credentials', async () => {
    const headers = await callAs('machine')
    expect(decodeJwt(bearerOf(headers))).toMatchObject({
      sub: 'gateway',
      client_id: 'gateway',
      aud: MCP,
      onBehalfOf: {},
    })
    expect(headers).not.toHaveProperty('x-user-token')
  })

  it('gets the person’s own token beside the machine token, whatever the person typed', async () => {
    const headers = await callAs('forwarding', { 'x-user-token': 'typed' })
    expect(decodeJwt(bearerOf(headers))).toMatchObject({ sub: 'gateway', aud: MCP })
    expect(headers['x-user-token']).toBe(ada)
  })

  it('gets a machine token that names the person, by aws_client_metadata', async () => {
    const headers = await callAs('enriching')
    expect(decodeJwt(bearerOf(headers))).toMatchObject({
      sub: 'gateway',
      client_id: 'gateway',
      onBehalfOf: { sub: 'ada' },
      callerApp: 'support-chat',
    })
    expect(headers).not.toHaveProperty('x-user-token')
  })

  it('gets a token of the person for itself, with the gateway as actor, by token exchange', async () => {
    const headers = await callAs('exchanging')
    expect(decodeJwt(bearerOf(headers))).toMatchObject({
      sub: 'ada',
      aud: MCP,
      act: { sub: 'gateway' },
      org_id: 'org-of-ada',
    })
  })

  it('gets the person’s token unchanged by passthrough', async () => {
    const headers = await callAs('passing')
    expect(bearerOf(headers)).toBe(ada)
  })
})

describe('token requests', () => {
  it('ask for the configured scopes and resource', async () => {
    const { endpoint, received } = await serveRecorder()
    const { url } = await startGateway(issuer, {
      endpoint,
      credential: { ...credentialsOf(issuer).machine, scopes: ['mcp/admin'], resource: MCP },
    })
    await post(url, ada)
    expect(claimsOf(received)).toMatchObject([{ scope: 'mcp/admin', aud: MCP }])
  })

  it('carry the custom parameters, which replace nothing', async () => {
    const { endpoint, received } = await serveRecorder()
    const metadata = JSON.stringify({ callerApp: 'static' })
    const { url } = await startGateway(issuer, {
      endpoint,
      credential: {
        ...credentialsOf(issuer).machine,
        customParameters: { aws_client_metadata: metadata, grant_type: 'password' },
      },
    })
    await post(url, ada)
    expect(claimsOf(received)).toMatchObject([{ callerApp: 'static', onBehalfOf: {} }])
  })

  it('go to any OAuth server', async () => {
    const { tokenEndpoint, requests } = await serveTokens()
    const { endpoint, received } = await serveRecorder()
    const provider = { tokenEndpoint, clientId: 'id', clientSecret: 'a+b c' }
    const { url } = await startGateway(issuer, {
      endpoint,
      credential: { type: 'tokenExchange', provider, resource: MCP, scopes: ['a', 'b'] },
    })
    await post(url, ada)
    expect(requests.map((request) => Object.fromEntries(new URLSearchParams(request)))).toEqual([
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: ada,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        resource: MCP,
        scope: 'a b',
      },
    ])
    expect(received[0]?.headers.authorization).toBe('Bearer opaque-1')
  })
})

describe('the machine token', () => {
  it('is asked for once, however many callers wait for it', async () => {
    const { endpoint, received } = await serveRecorder()
    const { url } = await startGateway(issuer, {
      endpoint,
      credential: credentialsOf(issuer).forwarding,
    })
    await Promise.all(Array.from({ length: 50 }, () => post(url, ada)))
    expect(received).toHaveLength(50)
    expect(new Set(claimsOf(received).map(({ jti }) => jti)).size).toBe(1)
  })

  it('is renewed shortly before it expires', async () => {
    const { endpoint, received } = await serveRecorder()
    let now = 1_000
    const credential = credentialsOf(issuer).machine
    const { url } = await startGateway(issuer, { endpoint, credential }, { clock: () => now })
    for (const seconds of [0, 269, 1, 1]) {
      now += seconds
      await post(url, ada)
    }
    const [first, second, third, fourth] = claimsOf(received).map(({ jti }) => jti)
    expect([second, fourth]).toEqual([first, third])
    expect(third).not.toBe(first)
  })

  it('is not shared between targets', async () => {
    const { gateway } = await startGateway(
      issuer,
      { endpoint: 'http://127.0.0.1:9/mcp', credential: { type: 'passthrough' } },
      {
        targets: ['one', 'two'].map((name) => ({
          name,
          endpoint: 'http://127.0.0.1:9/mcp',
          credential: credentialsOf(issuer).machine,
        })),
      },
    )
    expect(await gateway.machineToken('one')).not.toBe(await gateway.machineToken('two'))
  })

  it('can be taken, to call the server without the gateway', async () => {
    const { endpoint, received } = await serveRecorder()
    const credential = credentialsOf(issuer).forwarding
    const { gateway, url } = await startGateway(issuer, { endpoint, credential })
    const token = await gateway.machineToken('server')
    await post(url, ada)
    await post(endpoint, token, { 'x-user-token': 'typed' })
    expect(received.map(({ headers }) => [bearerOf(headers), headers['x-user-token']])).toEqual([
      [token, ada],
      [token, 'typed'],
    ])
  })

  it('exists beside token exchange, and not beside passthrough', async () => {
    const endpoint = 'http://127.0.0.1:9/mcp'
    const { exchanging, passing } = credentialsOf(issuer)
    const { gateway } = await startGateway(issuer, { endpoint, credential: exchanging })
    const token = await gateway.machineToken('server')
    expect(decodeJwt(token)).toMatchObject({ sub: 'gateway', aud: MCP })
    const other = await startGateway(issuer, { endpoint, credential: passing })
    await expect(other.gateway.machineToken('server')).rejects.toBeInstanceOf(TypeError)
  })
})

describe.each(['enriching', 'exchanging'] as const)('tokens per caller, %s', (way) => {
  async function start(clock?: () => number) {
    const { endpoint, received } = await serveRecorder()
    const target = { endpoint, credential: credentialsOf(issuer)[way] }
    const { url } = await startGateway(issuer, target, clock ? { clock } : {})
    return { url, received }
  }

  it('are never another caller’s', async () => {
    const { url, received } = await start()
    const tokens = await Promise.all(PEOPLE.map((person) => tokenOf(issuer, person)))
    const calls = tokens.flatMap((token, n) =>
      [1, 2, 3].map((round) => post(url, token, { 'x-tenant-id': `${PEOPLE[n]}` }, { id: round })),
    )
    await Promise.all(calls)
    expect(received).toHaveLength(150)
    const claims = claimsOf(received)
    const people = claims.map(({ sub, onBehalfOf }) =>
      way === 'exchanging' ? sub : (onBehalfOf as { sub: string }).sub,
    )
    expect(people).toEqual(received.map(({ headers }) => headers['x-tenant-id']))
    expect(new Set(claims.map(({ jti }) => jti)).size).toBe(50)
  })

  it('belong to one inbound token, not to the person', async () => {
    const { url, received } = await start()
    const another = await tokenOf(issuer, 'ada', { jti: 'another sign-in' })
    for (const token of [ada, another, ada]) await post(url, token)
    const [first, second, third] = claimsOf(received).map(({ jti }) => jti)
    expect(third).toBe(first)
    expect(second).not.toBe(first)
  })

  it('are not kept beyond the inbound token', async () => {
    let now = Date.now() / 1000
    const { url, received } = await start(() => now)
    const brief = await tokenOf(issuer, 'ada', {}, 120)
    for (const seconds of [0, 85, 10]) {
      now += seconds
      await post(url, brief)
    }
    const [first, second, third] = claimsOf(received).map(({ jti }) => jti)
    expect(second).toBe(first)
    expect(third).not.toBe(first)
  })
})

describe('a failed token request', () => {
  const CALL = { jsonrpc: '2.0', id: 'call-7', method: 'tools/call', params: { name: 'x' } }

  it('answers with a fixed text that does not mention tokens', async () => {
    const { endpoint, received } = await serveRecorder()
    const failing = await serve((_req, res) => {
      res.writeHead(400, { 'content-type': 'application/json' })
      res.end(JSON.stringify({ error: 'invalid_request', error_description: `not ${ada}` }))
    })
    const provider = { ...providerOf(issuer), tokenEndpoint: failing }
    const { url, errors } = await startGateway(issuer, {
      endpoint,
      credential: { type: 'tokenExchange', provider, resource: MCP },
    })
    const response = await post(url, ada, {}, CALL)
    expect(response.status).toBe(502)
    expect(await response.json()).toEqual({
      jsonrpc: '2.0',
      id: 'call-7',
      error: { code: 31_502, message: 'The gateway got no token for the target' },
    })
    expect(errors).toMatchObject([{ name: 'OAuthError', error: 'invalid_request' }])
    expect(received).toEqual([])
  })

  it('is what a caller gets whose token the trigger does not accept', async () => {
    const { endpoint, received } = await serveRecorder()
    const refusing = await startIssuer({
      preTokenTrigger: () => Promise.reject(new Error('no such person')),
    })
    const credential = credentialsOf(refusing).enriching
    const { url, errors } = await startGateway(issuer, { endpoint, credential })
    const response = await post(url, ada, {}, CALL)
    await refusing.close()
    expect(response.status).toBe(502)
    expect(errors).toMatchObject([{ name: 'OAuthError', status: 400 }])
    expect(received).toEqual([])
  })

  it('is not remembered', async () => {
    const { endpoint, received } = await serveRecorder()
    const { tokenEndpoint } = await serveTokens({ failures: 1 })
    const provider = { ...providerOf(issuer), tokenEndpoint }
    const credential = { type: 'clientCredentials', provider } as const
    const { url } = await startGateway(issuer, { endpoint, credential })
    expect((await post(url, ada)).status).toBe(502)
    expect((await post(url, ada)).status).toBe(200)
    expect(received.map(({ headers }) => bearerOf(headers))).toEqual(['opaque-2'])
  })

  it('that never ends, ends with the gateway', async () => {
    const requested: unknown[] = []
    const silent = await serve((req) => requested.push(req.url))
    const provider = { ...providerOf(issuer), tokenEndpoint: silent }
    const { gateway, url, errors } = await startGateway(issuer, {
      endpoint: silent,
      credential: { type: 'clientCredentials', provider },
    })
    const waiting = Promise.allSettled([post(url, ada), gateway.machineToken('server')])
    await expect.poll(() => requested).toHaveLength(1)
    await gateway.close()
    expect(await waiting).toMatchObject([
      { status: 'rejected', reason: { name: 'TypeError' } },
      { status: 'rejected', reason: { name: 'AbortError' } },
    ])
    expect(errors).toMatchObject([{ name: 'AbortError' }])
  })
})

function claimsOf(received: readonly Received[]): Record<string, unknown>[] {
  return received.map(({ headers }) => decodeJwt(bearerOf(headers)))
}

/** An OAuth server of few words. */
async function serveTokens({ failures = 0 } = {}): Promise<{
  tokenEndpoint: string
  requests: string[]
}> {
  const requests: string[] = []
  const tokenEndpoint = await serve(async (req, res) => {
    requests.push(Buffer.concat(await req.toArray()).toString())
    res.statusCode = requests.length > failures ? 200 : 500
    const answer = { access_token: `opaque-${requests.length}`, expires_in: 300 }
    res.end(res.statusCode === 200 ? JSON.stringify(answer) : 'Internal server error')
  })
  return { tokenEndpoint, requests }
}
