import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import * as errorsV1 from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth as requireBearerAuthV1 } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, OAuthError, requireBearerAuth } from '@modelcontextprotocol/server'
import {
  type Authenticator,
  type AuthenticatorOptions,
  certificateBound,
  createAuthenticator,
  direct,
  dpop,
  enriched,
  forwarded,
  issuer,
  memoryStore,
  plainHeaders,
  type Source,
  sharedSecret,
  signedHeader,
} from '@onbehalf/core'
import { createTokenVerifier } from '@onbehalf/mcp'
import express from 'express'
import { createMcpHandler as createVercelHandler, withMcpAuth } from 'mcp-handler'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Connect, connectLegacy, connectModern, connectV1 } from '../e2e/support/clients.ts'
import { serve } from './support/http.ts'
import { adasToken, metadataUrl, people, resource, trusted } from './support/identities.ts'
import { addTools, createV1, createV2 } from './support/invoice-servers.ts'

interface Way {
  readonly name: string
  readonly connects: readonly Connect[]
  readonly mount: (authenticator: Authenticator<unknown>) => RequestListener
}

const common = (authenticator: Authenticator<unknown>) => ({
  requiredScopes: [...authenticator.scopes],
  resourceMetadataUrl: authenticator.resourceMetadataUrl,
})

const ways: readonly Way[] = [
  {
    name: 'requireBearerAuth of SDK v1',
    connects: [connectV1, connectLegacy],
    mount(authenticator) {
      const verifier = createTokenVerifier(authenticator, errorsV1)
      const app = express()
      app.use(requireBearerAuthV1({ verifier, ...common(authenticator) }))
      app.all('/mcp', express.json(), async (req, res) => {
        const transport = new StreamableHTTPServerTransport({})
        await createV1().connect(transport as never)
        await transport.handleRequest(req, res, req.body)
      })
      return app
    },
  },
  {
    name: 'requireBearerAuth of SDK v2',
    connects: [connectV1, connectLegacy, connectModern],
    mount(authenticator) {
      const verifier = createTokenVerifier(authenticator, { OAuthError })
      const gate = requireBearerAuth({ verifier, ...common(authenticator) })
      const handler = createMcpHandler(createV2)
      return toListener(async (request) => {
        const authInfo = await gate(request)
        return authInfo instanceof Response ? authInfo : handler.fetch(request, { authInfo })
      })
    },
  },
  {
    name: 'withMcpAuth of mcp-handler',
    connects: [connectV1, connectLegacy, connectModern],
    mount(authenticator) {
      const { verifyAccessToken } = createTokenVerifier(authenticator, { OAuthError })
      const handler = createVercelHandler((server) => void addTools(server))
      const { origin, pathname } = new URL(authenticator.resourceMetadataUrl)
      return toListener(
        withMcpAuth(
          handler,
          (_request, token) => (token === undefined ? undefined : verifyAccessToken(token)),
          {
            required: true,
            requiredScopes: [...authenticator.scopes],
            resourceUrl: origin,
            resourceMetadataPath: pathname,
          },
        ),
      )
    },
  },
]

const clients = ways.flatMap((way) =>
  way.connects.map((connect) => ({ ...way, connect, client: connect.name })),
)

function toListener(fetch: (request: Request) => Promise<Response>): RequestListener {
  const listener = getRequestListener((request) => fetch(request))
  return (req, res) => void listener(req, res)
}

const make = (options: Partial<AuthenticatorOptions<readonly Source<unknown>[]>> = {}) =>
  createAuthenticator({
    resource,
    sources: [direct({ issuer: trusted(people, { scopes: 'mcp:read' }) })],
    ...options,
  })

const unreachable = issuer({
  iss: people.issuer,
  audience: resource,
  kind: 'by-client',
  algorithms: ['ES256'],
  keys: { jwksUri: 'https://127.0.0.1:1/jwks' },
})

describe.each(ways)('$name', ({ mount }) => {
  const send = async (token: string | undefined, authenticator = make()) => {
    const url = await serve(mount(authenticator))
    const response = await fetch(new URL('/mcp', url), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'whoami', arguments: {} },
      }),
    })
    const challenge = response.headers.get('www-authenticate') ?? ''
    return { status: response.status, challenge, text: await response.text() }
  }

  const refused: readonly {
    readonly what: string
    readonly token: () => Promise<string | undefined>
    readonly status: number
    readonly error: string
  }[] = [
    { what: 'no token', token: async () => undefined, status: 401, error: 'invalid_token' },
    {
      what: 'a token for another server',
      token: () => adasToken({ aud: 'https://other.example/mcp' }),
      status: 401,
      error: 'invalid_token',
    },
    {
      what: 'a token of an unknown issuer',
      token: () => adasToken({ iss: 'https://other.example' }),
      status: 401,
      error: 'invalid_token',
    },
    {
      what: 'an expired token',
      token: () => people.mint({ sub: 'ada', aud: resource }, { expiresInSeconds: -300 }),
      status: 401,
      error: 'invalid_token',
    },
    {
      what: 'a token that is bound to a key, of which no proof arrives',
      token: () => adasToken({ cnf: { jkt: 'a'.repeat(43) } }),
      status: 401,
      error: 'invalid_token',
    },
    {
      what: 'a token without the scope of the server',
      token: () => adasToken({ scope: 'other' }),
      status: 403,
      error: 'insufficient_scope',
    },
  ]

  it.each(refused)('refuses $what with $status', async ({ token, status, error }) => {
    const sent = await token()
    const answer = await send(sent)
    expect(answer.status).toBe(status)
    expect(answer.challenge).toContain(`error="${error}"`)
    expect(answer.challenge).toContain(`resource_metadata="${metadataUrl}"`)
    expect(answer.text + answer.challenge).not.toContain(sent ?? 'ey')
  })

  it('blames no token while signing keys cannot be loaded', async () => {
    const answer = await send(
      await adasToken(),
      make({ sources: [direct({ issuer: unreachable })] }),
    )
    expect(answer.status).toBe(500)
    expect(answer.challenge).toBe('')
  })

  it('reports the rule to the operator', async () => {
    const reasons: string[] = []
    const authenticator = make({
      onEvent: (event) => {
        if (event.type === 'refused') reasons.push(event.reason)
      },
    })
    await send(await adasToken({ aud: 'https://other.example/mcp' }), authenticator)
    expect(reasons).toEqual(['audience'])
  })
})

describe.each(clients)('$name, called by $client', ({ mount, connect }) => {
  it('tells guards and tools on whose behalf they run', async () => {
    const url = await serve(mount(make()))
    const headers = { authorization: `Bearer ${await adasToken()}` }
    const client = await connect(new URL('/mcp', url), headers)
    onTestFinished(() => client.close())
    expect(await client.call('whoami', {})).toEqual({ text: 'ada by direct' })
    expect(await client.call('list_invoices', { orgId: 'acme' })).toEqual({
      text: 'invoices of acme',
    })
    const foreign = await client.call('list_invoices', { orgId: 'globex' })
    expect(foreign.refused).toBe('org_mismatch')
  })
})

describe('an authenticator as a token verifier', () => {
  const gateway = trusted(people, { clients: 'gateway' })
  const proof = sharedSecret({ header: 'x-secret', secret: 's'.repeat(32) })
  const secured = { header: 'client-cert', proof }

  it('knows the user inside the token of a gateway', async () => {
    const sources = [enriched({ issuer: gateway, userClaim: 'user' })]
    const { verifyAccessToken } = createTokenVerifier(make({ sources }), { OAuthError })
    const token = await people.mint({
      sub: 'gateway',
      client_id: 'gateway',
      aud: resource,
      user: { sub: 'ada' },
    })
    expect((await verifyAccessToken(token)).extra).toMatchObject({ sub: 'ada' })
  })

  const more: readonly (readonly [
    string,
    Partial<AuthenticatorOptions<readonly Source<unknown>[]>>,
  ])[] = [
    [
      'x-user-token',
      {
        sources: [
          forwarded({
            header: 'X-User-Token',
            issuer: trusted(people),
            gateway,
            bind: 'audience',
          }),
        ],
      },
    ],
    [
      'x-enriched',
      { sources: [enriched({ issuer: gateway, userClaim: 'user', header: 'x-enriched' })] },
    ],
    [
      'x-assertion',
      {
        sources: [
          direct({ issuer: trusted(people) }),
          signedHeader({ header: 'x-assertion', issuer: trusted(people) }),
        ],
      },
    ],
    [
      'x-user',
      {
        sources: [
          plainHeaders({ iss: 'https://proxy.example', headers: { subject: 'x-user' }, proof }),
        ],
      },
    ],
    ['dpop', { confirmations: [dpop({ store: memoryStore() })] }],
    ['a certificate', { confirmations: [certificateBound()] }],
    ['client-cert', { confirmations: [certificateBound({ proxy: secured })] }],
  ]

  it.each(more)('is refused where %s has to be read', (what, options) => {
    const authenticator = make(options)
    expect(() => createTokenVerifier(authenticator, errorsV1)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining(what) }),
    )
  })

  it.each([
    ['nothing', undefined],
    ['no errors', {}],
    ['a base class of SDK v1 alone', { OAuthError: errorsV1.OAuthError }],
    ['a part of those of SDK v1', { InvalidTokenError: errorsV1.InvalidTokenError }],
  ])('is refused with %s in place of the error classes', (_what, errors) => {
    expect(() => createTokenVerifier(make(), errors as never)).toThrow(TypeError)
  })
})
