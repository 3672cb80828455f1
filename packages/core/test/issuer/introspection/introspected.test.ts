import { inspect } from 'node:util'
import {
  type Claims,
  createAuthenticator,
  direct,
  type IntrospectionOptions,
  introspected,
} from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startServer } from '../../support/misbehaving-server.ts'
import { type ResourceServer, startResourceServer } from '../../support/resource-server.ts'
import { now, resource } from '../../support/world.ts'
import {
  type Answer,
  activeToken,
  clientId,
  clientSecret,
  type Endpoint,
  issuerName,
  raw,
  startEndpoint,
} from './endpoint.ts'

const token = 'opaque-token-5c1d8f'
const call = { headers: { authorization: `Bearer ${token}` } }

async function start<C = Claims>(
  answer: Answer | object = activeToken(),
  options: Partial<IntrospectionOptions<C>> = {},
): Promise<ResourceServer & { readonly endpoint: Endpoint }> {
  const endpoint = await startEndpoint(answer)
  const issuer = introspected(endpoint.options(options))
  return { ...(await startResourceServer({ sources: [direct({ issuer })] })), endpoint }
}

describe('an opaque token', () => {
  it('becomes the identity that the endpoint tells', async () => {
    const server = await start(activeToken({ jti: 'opaque-1', org_id: 'acme' }))
    expect(await server.verdict(call)).toMatchObject({
      kind: 'user',
      issuer: issuerName,
      subject: 'jane',
      client: 'web-client',
      organization: { id: 'acme' },
      scopes: ['notes:read', 'notes:write'],
      tokenId: 'opaque-1',
      expiresAt: now + 300,
      source: 'direct',
    })
  })

  it('is asked about as RFC 7662 section 2.1 and RFC 6749 section 2.3.1 say', async () => {
    const server = await start()
    await server.verdict(call)
    const [question] = server.endpoint.questions
    expect(question?.method).toBe('POST')
    expect(question?.headers).toMatchObject({
      'content-type': expect.stringContaining('application/x-www-form-urlencoded') as string,
      accept: 'application/json',
    })
    expect([...(question?.form ?? [])]).toEqual([
      ['token', token],
      ['token_type_hint', 'access_token'],
    ])
    const [scheme, credentials = ''] = question?.headers.authorization?.split(' ') ?? []
    const pair = Buffer.from(credentials, 'base64').toString('latin1').split(':')
    const decoded = pair.map((part) => new URLSearchParams(`v=${part}`).get('v'))
    expect([scheme, ...decoded]).toEqual(['Basic', clientId, clientSecret])
  })

  it('gives a service where no person is behind it', async () => {
    const server = await start(activeToken({ sub: 'web-client' }))
    expect(await server.verdict(call)).toMatchObject({ kind: 'service', subject: 'web-client' })
  })

  it('keeps the types of a schema', async () => {
    const claims = z.object({ plan: z.string() })
    const server = await start(activeToken({ plan: 'pro', extra: 1 }), { schema: claims })
    expect(await server.verdict(call)).toMatchObject({ claims: { plan: 'pro' } })
    server.endpoint.answer(activeToken({ plan: 1 }))
    const headers = { authorization: 'Bearer another' }
    expect(await server.verdict({ headers })).toEqual({ status: 401, reason: 'claims_schema' })
  })

  const accepted: readonly (readonly [string, Claims, Partial<IntrospectionOptions>?])[] = [
    ['without iss', { iss: undefined }],
    ['for several audiences', { aud: ['https://other.example.com', resource] }],
    ['without a type', { token_type: undefined }],
    ['of the type in lower case', { token_type: 'bearer' }],
    [
      'without iat, where that is waived',
      { iat: undefined },
      { acceptMissingIat: { longestLifeSeconds: 3600 } },
    ],
    ['as Ory Hydra describes it', { token_use: 'access_token' }],
    [
      'without aud, where none is asked',
      { aud: undefined },
      { audience: null, clients: 'web-client' },
    ],
  ]
  const acceptedRows = accepted.map(([form, claims, options = {}]) => {
    return [form, claims, options] as const
  })
  it.each(acceptedRows)('is accepted %s', async (_form, claims, options) => {
    expect(await (await start(activeToken(claims), options)).verdict(call)).toMatchObject({
      subject: 'jane',
    })
  })

  const refused: readonly (readonly [string, Claims, string, Partial<IntrospectionOptions>?])[] = [
    ['of another issuer', { iss: 'https://other.example.com' }, 'issuer'],
    ['whose issuer is almost ours', { iss: `${issuerName}/` }, 'issuer'],
    ['whose issuer is not text', { iss: [issuerName] }, 'issuer'],
    ['without exp', { exp: undefined }, 'exp_missing'],
    ['with exp as text', { exp: String(now + 300) }, 'bad_exp'],
    ['with exp as null', { exp: null }, 'exp_missing'],
    ['that expired', { exp: now - 30 }, 'expired'],
    ['that lives for ever', { exp: 1e15 }, 'lifetime'],
    ['that lived for longer than allowed', { iat: now - 90_000, exp: now + 300 }, 'lifetime'],
    ['from the future', { nbf: now + 60 }, 'not_yet_valid'],
    ['without aud', { aud: undefined }, 'audience_missing'],
    ['for another audience', { aud: 'https://other.example.com' }, 'audience'],
    ['for an audience that contains ours', { aud: `${resource}/x` }, 'audience'],
    ['of another client', { client_id: 'stranger' }, 'client', { clients: 'web-client' }],
    ['of no client', { client_id: undefined }, 'client', { clients: 'web-client' }],
    ['without sub', { sub: undefined }, 'subject'],
    ['with a number as sub', { sub: 17 }, 'subject'],
    ['of the type MAC', { token_type: 'mac' }, 'token_type'],
    ['of a type that is not text', { token_type: ['Bearer'] }, 'token_type'],
    ['that is a refresh token', { token_type: 'refresh_token' }, 'token_type'],
    ['that Ory Hydra calls a refresh token', { token_use: 'refresh_token' }, 'token_type'],
    ['that is an ID token', { nonce: 'n' }, 'token_type'],
    [
      'without aud and type',
      { aud: undefined, token_type: undefined },
      'token_type',
      { audience: null, clients: 'web-client' },
    ],
    ['that is bound to a key', { cnf: { jkt: 'x' } }, 'sender_constrained'],
    ['that is bound to nobody knows what', { token_type: 'DPoP' }, 'sender_constrained'],
  ]
  const refusedRows = refused.map(([form, claims, reason, options = {}]) => {
    return [form, claims, reason, options] as const
  })
  it.each(refusedRows)('is refused %s', async (_form, claims, reason, options) => {
    const server = await start(activeToken(claims), options)
    expect(await server.verdict(call)).toEqual({ status: 401, reason })
  })

  it('is refused when it is not active, whatever else is said of it', async () => {
    const server = await start(activeToken({ active: false }))
    expect(await server.verdict(call)).toEqual({ status: 401, reason: 'inactive' })
  })

  it('that lacks a scope is answered with the scope to ask for', async () => {
    const server = await start(activeToken(), { scopes: 'notes:admin' })
    const answer = await server.call(call)
    expect(answer.status).toBe(403)
    expect(answer.headers['www-authenticate']).toContain('scope="notes:admin"')
  })
})

describe('an answer that says nothing', () => {
  const invalidUtf8 = Buffer.concat([
    Buffer.from('{"active":true,"sub":"'),
    Buffer.of(0xff, 0x22, 0x7d),
  ])
  const bodies: readonly (readonly [string, string | Uint8Array])[] = [
    ['active as text', '{"active":"true"}'],
    ['active as a number', '{"active":1}'],
    ['active as null', '{"active":null}'],
    ['no active', '{"sub":"jane","exp":9999999999}'],
    ['active twice', '{"active":false,"active":true}'],
    ['active under an escape', '{"active":false,"\\u0061ctive":true}'],
    ['nothing', ''],
    ['null', 'null'],
    ['true', 'true'],
    ['a list', '[{"active":true}]'],
    ['a page', '<!doctype html><title>Sign in</title>'],
    ['half an object', '{"active":true,'],
    ['a byte order mark', '\uFEFF{"active":true}'],
    ['bytes that are not text', invalidUtf8],
    ['a deep object', `{"active":true,"x":${'['.repeat(40)}${']'.repeat(40)}}`],
    ['a signed answer', 'eyJhbGciOiJSUzI1NiJ9.eyJhY3RpdmUiOnRydWV9.c2ln'],
  ]
  it.each(bodies)('is not the fault of the caller: %s', async (_form, body) => {
    const answer = await (await start(raw(body))).verdict(call)
    expect(answer).toEqual({ status: 503, reason: 'introspection_malformed' })
  })

  it.each([201, 204, 302, 400, 401, 403, 404, 429, 500, 503])(
    'is not the fault of the caller: status %i',
    async (status) => {
      const body = status === 204 ? '' : JSON.stringify(activeToken())
      expect(await (await start(raw(body, status))).verdict(call)).toEqual({
        status: 503,
        reason: `introspection_status_${status}`,
      })
    },
  )

  const faults: readonly (readonly [string, Answer, string])[] = [
    ['it hangs', () => undefined, 'timeout'],
    [
      'it drips',
      (res) => {
        res.writeHead(200)
        const drip = setInterval(() => res.write(' '), 50)
        res.on('close', () => clearInterval(drip))
      },
      'timeout',
    ],
    ['it hangs up', (res) => res.destroy(), 'unreachable'],
    [
      'it hangs up in the middle',
      (res) => {
        res.writeHead(200, { 'content-length': '100' })
        res.write('{"active"', () => res.destroy())
      },
      'unreadable',
    ],
    ['it does not end', raw(`{"active":true,"x":"${'x'.repeat(300_000)}"}`), 'too_large'],
  ]
  it.each(faults)('is not the fault of the caller: %s', async (_form, answer, reason) => {
    const server = await start(answer, { timeoutSeconds: 0.4 })
    expect(await server.verdict(call)).toEqual({ status: 503, reason: `introspection_${reason}` })
  })

  it('is not the fault of the caller: nobody listens', async () => {
    const issuer = introspected({
      ...(await startEndpoint()).options(),
      endpoint: 'http://127.0.0.1:9/introspect',
    })
    const server = await startResourceServer({ sources: [direct({ issuer })] })
    expect(await server.verdict(call)).toEqual({ status: 503, reason: 'introspection_unreachable' })
  })

  it('is answered with Retry-After and without a challenge', async () => {
    const answer = await (await start(raw('', 500))).call(call)
    expect(answer.headers).toEqual({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'retry-after': '5',
      'x-request-id': expect.any(String) as string,
    })
  })

  it('does not send the token elsewhere', async () => {
    let elsewhere = 0
    const { origin } = await startServer((_req, res) => {
      elsewhere += 1
      res.end(JSON.stringify(activeToken()))
    })
    for (const status of [301, 302, 303, 307, 308]) {
      const server = await start((res) => res.writeHead(status, { location: origin }).end())
      expect(await server.verdict(call)).toMatchObject({ status: 503 })
    }
    expect(elsewhere).toBe(0)
  })

  it('shows neither the token nor the secret to anyone', async () => {
    const secrets = [token, clientSecret, Buffer.from(clientSecret).toString('base64')]
    const answers: readonly (Answer | object)[] = [
      raw('', 401),
      raw('', 302),
      activeToken({ aud: 'x' }),
    ]
    for (const answer of answers) {
      const { options } = await startEndpoint(answer)
      const authenticator = createAuthenticator({
        resource,
        sources: [direct({ issuer: introspected(options()) })],
      })
      const error = await authenticator.authenticate(call).catch((thrown: unknown) => thrown)
      const shown = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })
      expect(shown).toContain('IdentityError')
      for (const secret of secrets) expect(shown).not.toContain(secret)
    }
  })
})

describe('the options of introspected', () => {
  const sound: IntrospectionOptions = {
    iss: issuerName,
    endpoint: 'https://opaque.example.com/introspect',
    clientId,
    clientSecret,
    audience: resource,
    kind: 'by-client',
  }
  it.each([
    [{ iss: '' }, 'iss is required'],
    [{ endpoint: 'introspect' }, 'endpoint must be an absolute URL'],
    [
      { endpoint: 'http://opaque.example.com/' },
      'endpoint must use https (http is for loopback and insecureHttpHosts only)',
    ],
    [{ clientId: '' }, 'clientId and clientSecret are required'],
    [{ clientSecret: '' }, 'clientId and clientSecret are required'],
    [{ audience: undefined as never }, 'audience is required'],
    [{ cacheSeconds: -1 }, 'cacheSeconds must be from 0 to 3600'],
    [{ cacheSeconds: Number.NaN }, 'cacheSeconds must be from 0 to 3600'],
    [{ cacheSeconds: Number.POSITIVE_INFINITY }, 'cacheSeconds must be from 0 to 3600'],
    [{ timeoutSeconds: 0 }, 'timeoutSeconds must be above 0 and at most 30'],
    [{ timeoutSeconds: Number.NaN }, 'timeoutSeconds must be above 0 and at most 30'],
  ])('are refused at creation: %o', (options, message) => {
    expect(() => introspected({ ...sound, ...options })).toThrow(new TypeError(message))
  })

  it('ask for clients where there is no audience', () => {
    expect(() => introspected({ ...sound, audience: null })).toThrow(/audience: null needs clients/)
  })
})
