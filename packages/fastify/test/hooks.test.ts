import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { createAuthenticator, direct, type Identity, issuer } from '@onbehalf/core'
import { authenticate, identityOf, resourceMetadata } from '@onbehalf/fastify'
import { createTokenMinter } from '@onbehalf/testing'
import fastify, {
  type FastifyInstance,
  type FastifyRequest,
  type FastifyTypeProvider,
} from 'fastify'
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'

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
  it('guards the route that names it, and no other', async () => {
    const app = fastify()
    app.get('/mcp', { onRequest: authenticate(authenticator) }, (request) => ({
      subject: identityOf(request)?.subject,
    }))
    app.get('/health', (request) => ({ identity: identityOf(request) ?? null }))
    expect((await app.inject('/mcp')).statusCode).toBe(401)
    expect((await app.inject('/health')).json()).toEqual({ identity: null })
    const { statusCode, body } = await app.inject({ url: '/mcp', headers: await adasHeaders() })
    expect([statusCode, body]).toEqual([200, '{"subject":"ada"}'])
  })

  it('guards every route of a scope, whenever it was added', async () => {
    const app = fastify()
    await app.register(async (scope) => {
      scope.get('/before', () => 'handled')
      scope.addHook('onRequest', authenticate(authenticator))
      scope.get('/after', () => 'handled')
    })
    for (const url of ['/before', '/after']) {
      expect((await app.inject(url)).statusCode).toBe(401)
    }
  })

  it('refuses before a body is read', async () => {
    const app = fastify()
    app.post('/mcp', { onRequest: authenticate(authenticator) }, () => 'handled')
    const { port, hostname, host } = await listen(app)
    const socket = connect(Number(port), hostname)
    socket.write(`POST /mcp HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n`)
    socket.write('content-type: application/json\r\ncontent-length: 1000000\r\n\r\n{')
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('refuses a token in the query where the application rewrote the URL', async () => {
    const app = fastify({ rewriteUrl: () => '/mcp' })
    app.get('/mcp', { onRequest: authenticate(authenticator) }, () => 'handled')
    const headers = await adasHeaders()
    expect((await app.inject({ url: '/x', headers })).statusCode).toBe(200)
    expect((await app.inject({ url: '/x?access_token=y', headers })).statusCode).toBe(400)
  })

  it('leaves headers and hooks of the application to work on a refusal', async () => {
    const app = fastify()
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('access-control-allow-origin', 'https://client.example')
    })
    app.addHook('onRequest', authenticate(authenticator))
    app.addHook('onSend', async (_request, reply, payload) => {
      reply.header('x-request', 'one')
      return payload
    })
    app.get('/mcp', () => 'handled')
    const { statusCode, headers } = await app.inject('/mcp')
    expect(statusCode).toBe(401)
    expect(headers).toMatchObject({
      'access-control-allow-origin': 'https://client.example',
      'x-request': 'one',
      'content-type': 'application/json',
    })
  })

  it('refuses when it cannot set request.raw.auth', async () => {
    const app = fastify()
    app.addHook('onRequest', async ({ raw }) => {
      Object.defineProperty(raw, 'auth', { value: undefined, writable: false })
    })
    app.addHook('onRequest', authenticate(authenticator))
    app.get('/mcp', () => 'handled')
    const { statusCode, body } = await app.inject({ url: '/mcp', headers: await adasHeaders() })
    expect(statusCode).toBe(503)
    expect(body).not.toContain('handled')
  })

  it.each([
    ['admitted', adasHeaders],
    ['refused', async () => ({})],
  ])('runs no handler for a request to be %s that was answered meanwhile', async (_case, of) => {
    const handled: unknown[] = []
    const refused: string[] = []
    const app = fastify()
    app.addHook('onRequest', (_request, reply, done) => {
      done()
      reply.code(504).send('too late')
    })
    const onRefusal = (error: { reason: string }): void => void refused.push(error.reason)
    app.addHook('onRequest', authenticate(authenticator, { onRefusal }))
    app.get('/mcp', async (request) => handled.push(request.id))
    const url = new URL('/mcp', await listen(app))
    const response = await fetch(url, { headers: await of() })
    expect([response.status, await response.text()]).toEqual([504, 'too late'])
    expect((await fetch(url, { headers: await of() })).status).toBe(504)
    expect(handled).toEqual([])
  })
})

describe('resourceMetadata', () => {
  it('answers where no route is', async () => {
    const app = fastify()
    app.addHook('onRequest', resourceMetadata(authenticator))
    const { pathname } = new URL(authenticator.resourceMetadataUrl)
    expect((await app.inject(pathname)).json()).toMatchObject({ resource })
    expect((await app.inject(`${pathname}/`)).statusCode).toBe(404)
  })
})

describe('identityOf', () => {
  it('finds none on a copy of the record, nor where authenticate did not run', () => {
    expect(identityOf({ raw: { auth: { clientId: 'forged' } } })).toBeUndefined()
    expect(identityOf({ raw: { auth: null } })).toBeUndefined()
    expect(identityOf({ raw: {} })).toBeUndefined()
  })
})

describe('the types', () => {
  it('give an observer the request of Fastify', () => {
    authenticate(authenticator, {
      onRefusal: (error, request) => {
        expectTypeOf(request).toEqualTypeOf<FastifyRequest>()
        request.log.warn({ reason: error.reason }, 'refused')
      },
    })
  })

  it('leave those of the route alone', () => {
    const app = fastify()
    app.get<{ Params: { id: string } }>(
      '/things/:id',
      { onRequest: authenticate(authenticator) },
      (request) => {
        expectTypeOf(request.params.id).toEqualTypeOf<string>()
        return {}
      },
    )
  })

  it('fit an application with a type provider', () => {
    interface Provider extends FastifyTypeProvider {
      readonly validator: this['schema']
    }
    const app = fastify().withTypeProvider<Provider>()
    app.addHook('onRequest', resourceMetadata(authenticator))
    app.get('/mcp', { onRequest: authenticate(authenticator) }, () => 'handled')
    expectTypeOf(app).toBeObject()
  })

  it('make callers of identityOf face its absence', () => {
    expectTypeOf(identityOf).returns.toEqualTypeOf<Identity | undefined>()
    // @ts-expect-error: it is undefined where the hook did not run
    const subject = (request: FastifyRequest): string => identityOf(request).subject
    expectTypeOf(subject).toBeFunction()
  })
})

async function listen(app: FastifyInstance): Promise<URL> {
  onTestFinished(() => app.close())
  return new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
}
