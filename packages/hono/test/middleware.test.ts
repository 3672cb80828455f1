import { type Claims, createAuthenticator, direct, type Identity, issuer } from '@onbehalf/core'
import { type AuthInfo, identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { authenticate, type IdentityVariables, resourceMetadata } from '@onbehalf/hono'
import { createTokenMinter } from '@onbehalf/testing'
import { Hono } from 'hono'
import { handle, type LambdaEvent } from 'hono/aws-lambda'
import { cors } from 'hono/cors'
import { describe, expect, expectTypeOf, it } from 'vitest'

// What holds on every framework is in test/adapters.

const resource = 'https://mcp.example.com/mcp'
const people = await createTokenMinter({ issuer: 'https://people.example', alg: 'ES256' })
const authenticator = createAuthenticator({
  resource,
  sources: [
    direct({
      issuer: issuer({
        iss: people.issuer,
        audience: resource,
        kind: 'by-client',
        algorithms: ['ES256'],
        keys: { jwks: people.jwks },
      }),
    }),
  ],
})

async function adasHeaders(): Promise<Record<string, string>> {
  const token = await people.mint({ sub: 'ada', aud: resource, client_id: 'agent' })
  return { authorization: `Bearer ${token}` }
}

describe('authenticate', () => {
  it('sets what @hono/mcp and handlers read', async () => {
    const app = new Hono().all('/mcp', authenticate(authenticator), (c) => {
      expectTypeOf(c.get('identity')).toEqualTypeOf<Identity<Claims>>()
      expectTypeOf(c.get('auth')).toEqualTypeOf<AuthInfo>()
      expect(identityOfAuthInfo(c.get('auth'))).toBe(c.get('identity'))
      return c.text(c.get('identity').subject)
    })
    const response = await app.request('/mcp', { headers: await adasHeaders() })
    expect([response.status, await response.text()]).toEqual([200, 'ada'])
  })

  it('gives its variables a type where it is mounted apart from the handler', () => {
    const app = new Hono<{ Variables: IdentityVariables }>()
    app.use(authenticate(authenticator))
    app.get('/whoami', (c) => {
      expectTypeOf(c.get('identity').subject).toEqualTypeOf<string>()
      // @ts-expect-error: nothing sets it
      return c.json([c.get('identity').subject, c.get('user')])
    })
    expect(app.routes).toHaveLength(2)
  })

  it('leaves headers that other middleware set on a refusal', async () => {
    const app = new Hono()
    app.use(cors({ origin: 'https://client.example', exposeHeaders: ['WWW-Authenticate'] }))
    app.all('/mcp', authenticate(authenticator), (c) => c.text('handled'))
    const refused = await app.request('/mcp', { headers: { origin: 'https://client.example' } })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('access-control-allow-origin')).toBe('https://client.example')
    expect(refused.headers.get('access-control-expose-headers')).toBe('WWW-Authenticate')
    expect(refused.headers.get('www-authenticate')).toContain('resource_metadata=')
  })

  it('answers 404 behind it where nothing is mounted', async () => {
    const app = new Hono().use(authenticate(authenticator))
    expect((await app.request('/', { headers: await adasHeaders() })).status).toBe(404)
    expect((await app.request('/')).status).toBe(401)
  })

  it('tells an observer with the context, so that it can keep a worker alive', async () => {
    const kept: Promise<unknown>[] = []
    const app = new Hono<{ Bindings: { region: string } }>()
    app.use(
      authenticate(authenticator, {
        onRefusal: ({ reason }, c) =>
          c.executionCtx.waitUntil(Promise.resolve([reason, c.env.region, c.req.path])),
      }),
    )
    const context = {
      waitUntil: (work: Promise<unknown>) => void kept.push(work),
      passThroughOnException: () => {},
      props: {},
    }
    await app.request('/mcp', {}, { region: 'eu' }, context)
    expect(await Promise.all(kept)).toEqual([['no_credential', 'eu', '/mcp']])
  })
})

describe('on a Lambda function URL', () => {
  const app = new Hono()
  app.use(resourceMetadata(authenticator))
  app.all('/mcp', authenticate(authenticator), (c) => c.text(c.get('identity').subject))
  const handler = handle(app)

  it('admits an event with a credential', async () => {
    const { statusCode, body } = await handler(eventOf('/mcp', await adasHeaders()))
    expect([statusCode, body]).toEqual([200, 'ada'])
  })

  it('refuses the others', async () => {
    const { authorization = '' } = await adasHeaders()
    expect(await handler(eventOf('/mcp', {}))).toMatchObject({ statusCode: 401 })
    // Lines of one header arrive joined by a comma, and without a space.
    const twice = { authorization: `${authorization},${authorization}` }
    expect(await handler(eventOf('/mcp', twice))).toMatchObject({ statusCode: 400 })
    const inQuery = eventOf('/mcp', { authorization }, 'access_token=x')
    expect(await handler(inQuery)).toMatchObject({ statusCode: 400 })
  })

  it('publishes the metadata', async () => {
    const { pathname } = new URL(authenticator.resourceMetadataUrl)
    const { statusCode, body } = await handler(eventOf(pathname, {}))
    expect([statusCode, JSON.parse(body)]).toMatchObject([200, { resource }])
  })
})

/** What Lambda passes for a request to a function URL (payload format 2.0). */
function eventOf(path: string, headers: Record<string, string>, query = ''): LambdaEvent {
  const host = 'abc123.lambda-url.eu-west-1.on.aws'
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: { host, ...headers },
    body: null,
    isBase64Encoded: false,
    requestContext: {
      accountId: 'anonymous',
      apiId: 'abc123',
      authentication: null,
      authorizer: {},
      domainName: host,
      domainPrefix: 'abc123',
      http: { method: 'GET', path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
      requestId: 'one',
      routeKey: '$default',
      stage: '$default',
      time: '01/Nov/2026:00:00:00 +0000',
      timeEpoch: 1_793_491_200_000,
    },
  } as LambdaEvent
}
