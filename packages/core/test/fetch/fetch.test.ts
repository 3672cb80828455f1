import {
  type Claims,
  createAuthenticator,
  direct,
  dpop,
  type Identity,
  IdentityError,
  memoryStore,
} from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import {
  authenticateRequest,
  refusalResponse,
  resourceMetadataResponse,
  withIdentity,
} from '@onbehalf/core/fetch'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { createHolder, dpopHeaders } from '../proof-of-possession/holder.ts'
import { clock, createPeople, resource } from '../support/world.ts'

const people = await createPeople()
const holder = await createHolder()
const authenticator = createAuthenticator({
  resource,
  clock,
  sources: [direct({ issuer: people.issuer() })],
  confirmations: [dpop({ store: memoryStore() })],
})

async function requestOfJane(url = resource, init: RequestInit = {}): Promise<Request> {
  const headers = { authorization: `Bearer ${await people.token()}` }
  return new Request(url, { method: 'POST', headers, ...init })
}

describe('authenticateRequest', () => {
  it('resolves to the identity, and to the record that carries it', async () => {
    const { identity, authInfo } = await authenticateRequest(await requestOfJane(), authenticator)
    expect(identity.subject).toBe('jane')
    expect(identityOfAuthInfo(authInfo)).toBe(identity)
    expect(authInfo.token).toBe('')
  })

  it('leaves the body to the handler of the request', async () => {
    const request = await requestOfJane(resource, { body: '{"id":1}' })
    await authenticateRequest(request, authenticator)
    expect(await request.json()).toEqual({ id: 1 })
  })

  it.each([
    ['no credential', {}, 'MISSING', 'no_credential'],
    ['a scheme without a token', { authorization: 'Bearer' }, 'MISSING', 'no_credential'],
    ['a shape that is none', { authorization: 'Bearer a b' }, 'REQ', 'header_shape'],
    ['a token that is none', { authorization: 'Bearer abc' }, 'TOK', 'opaque_token'],
  ])('throws for %s', async (_case, headers, code, reason) => {
    const request = new Request(resource, { headers: headers as Record<string, string> })
    const thrown = await authenticateRequest(request, authenticator).catch((error) => error)
    expect(thrown).toBeInstanceOf(IdentityError)
    expect(thrown).toMatchObject({ code, reason })
  })

  it('refuses two lines of a header that were joined', async () => {
    const request = await requestOfJane()
    request.headers.append('authorization', `Bearer ${await people.token()}`)
    await expect(authenticateRequest(request, authenticator)).rejects.toMatchObject({
      code: 'REQ',
      reason: 'duplicate_header',
    })
  })

  it('goes by the URL and the method of the request itself, whatever its headers say', async () => {
    const token = await people.token({ cnf: { jkt: holder.jkt } })
    const ask = (url: string, method: string) => {
      const forged = { 'x-forwarded-uri': '/mcp', 'x-http-method-override': 'POST' }
      const headers = { ...dpopHeaders(token, holder.proof(token)), ...forged }
      return authenticateRequest(new Request(url, { method, headers }), authenticator)
    }
    expect((await ask(`${resource}?page=2`, 'POST')).identity.subject).toBe('jane')
    const refused = { code: 'TOK', reason: expect.stringMatching(/^dpop_/) as string }
    await expect(ask(`${resource}/other`, 'POST')).rejects.toMatchObject(refused)
    await expect(ask(resource, 'DELETE')).rejects.toMatchObject(refused)
    await expect(ask(`${resource}?access_token=x`, 'POST')).rejects.toMatchObject({
      code: 'REQ',
      reason: 'token_in_query',
    })
  })
})

describe('refusalResponse', () => {
  it('answers what it does not know as a failure of this server, without its message', async () => {
    const response = refusalResponse(new Error('database at 10.0.0.7'), authenticator)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await response.text()).not.toContain('10.0.0.7')
  })
})

describe('withIdentity', () => {
  interface Env {
    readonly region: string
  }

  it('hands on what the runtime passes after the request', async () => {
    const serve = withIdentity(authenticator, (request, { identity }, env: Env, ctx: object) =>
      Response.json([identity.subject, new URL(request.url).pathname, env, ctx]),
    )
    const response = await serve(await requestOfJane(), { region: 'eu' }, { waits: true })
    expect(await response.json()).toEqual(['jane', '/mcp', { region: 'eu' }, { waits: true }])
  })

  it('tells an observer the same, so that it can keep a worker alive', async () => {
    const kept: Promise<unknown>[] = []
    interface Context {
      waitUntil(work: Promise<unknown>): void
    }
    const serve = withIdentity(
      authenticator,
      (_r, _c, _env: Env, _ctx: Context) => new Response(),
      {
        onRefusal: ({ reason }, { method }, { region }, ctx) =>
          ctx.waitUntil(Promise.resolve([reason, method, region])),
      },
    )
    const context = { waitUntil: (work: Promise<unknown>) => void kept.push(work) }
    const refused = await serve(new Request(resource), { region: 'eu' }, context)
    expect(refused.status).toBe(401)
    expect(await Promise.all(kept)).toEqual([['no_credential', 'GET', 'eu']])
  })

  it('leaves what the handler throws to its caller, and tells no observer', async () => {
    const refusals: unknown[] = []
    const serve = withIdentity(
      authenticator,
      () => {
        throw new IdentityError('MISSING', { reason: 'own_rule' })
      },
      { onRefusal: (error) => void refusals.push(error) },
    )
    await expect(serve(await requestOfJane())).rejects.toMatchObject({ reason: 'own_rule' })
    expect(refusals).toEqual([])
  })

  it('infers claims, further parameters and the answer', () => {
    const serve = withIdentity(authenticator, async (_request, { identity }, env: Env) => {
      expectTypeOf(identity).toEqualTypeOf<Identity<Claims>>()
      return new Response(env.region)
    })
    expectTypeOf(serve).toEqualTypeOf<(request: Request, env: Env) => Promise<Response>>()
    // @ts-expect-error: env is missing
    const call = (): unknown => serve(new Request(resource))
    expectTypeOf(call).toBeFunction()
  })
})

describe('resourceMetadataResponse', () => {
  it('is nothing for any other path', () => {
    const urls = [resource, `${resource}/.well-known/oauth-protected-resource/mcp`]
    for (const url of urls) {
      expect(resourceMetadataResponse(new Request(url), authenticator)).toBeUndefined()
    }
  })

  it('is the metadata, whatever host the request names', async () => {
    const { pathname } = new URL(authenticator.resourceMetadataUrl)
    const request = new Request(`https://internal.example${pathname}`)
    const response = resourceMetadataResponse(request, authenticator)
    expect(await response?.json()).toEqual(JSON.parse(JSON.stringify(authenticator.metadata)))
  })
})
