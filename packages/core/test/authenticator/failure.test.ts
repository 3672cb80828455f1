import { inspect } from 'node:util'
import {
  type AuditRefusal,
  type AuthenticatorEvent,
  createAuthenticator,
  createRefusal,
  direct,
  forwarded,
  IdentityError,
  issuer,
  plainHeaders,
  type RefusalDetail,
  type Source,
  sharedSecret,
} from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../support/expect-refused.ts'
import {
  bearer,
  canary,
  clock,
  createGateway,
  createPeople,
  gatewayClient,
  gatewayIssuer,
  now,
  peopleIssuer,
  resource,
} from '../support/world.ts'

const people = await createPeople()
const gateway = await createGateway()
const secret = 'a-secret-of-the-gateway-that-is-long-enough'

const directSource = (options = {}): Source<unknown> => direct({ issuer: people.issuer(options) })
const forwardedSource = (options = {}): Source<unknown> =>
  forwarded({
    header: 'x-user-token',
    issuer: people.issuer(options),
    gateway: gateway.issuer(),
    bind: 'client',
  })

/** What the operator and the caller learn of one refused request. */
async function refuse(sources: readonly Source<unknown>[], headers: Record<string, string>) {
  const events: AuthenticatorEvent[] = []
  const recorded: AuditRefusal[] = []
  const authenticator = createAuthenticator({
    resource,
    clock,
    sources,
    onEvent: (event) => void events.push(event),
    audit: {
      intent: () => Promise.reject(new Error('nothing runs')),
      refusal: async (refusal) => void recorded.push(refusal),
      close: async () => {},
    },
  })
  const error = (await thrownBy(() => authenticator.authenticate({ headers }))) as IdentityError
  const event = events.find(({ type }) => type === 'refused')
  return { error, event, recorded, answer: createRefusal(error, authenticator) }
}

const ofUser = { role: 'user', source: 'direct', header: 'authorization', issuer: peopleIssuer }

describe('a refused token', () => {
  it.each<[string, object, object, string, RefusalDetail]>([
    ['another audience', { aud: canary }, {}, 'audience', { claim: 'aud', expected: [resource] }],
    ['no audience', { aud: '' }, {}, 'audience_missing', { claim: 'aud', expected: [resource] }],
    ['another client', {}, { clients: ['app'] }, 'client', { expected: ['app'] }],
    [
      'a claim that is required',
      { tier: canary },
      { requiredClaims: { tier: ['gold', 'silver'] } },
      'required_claim',
      { claim: 'tier', expected: ['gold', 'silver'] },
    ],
    ['a missing scope', {}, { scopes: ['admin'] }, 'scope_missing', { expected: ['admin'] }],
    ['a past end', { exp: now - 600 }, {}, 'expired', { claim: 'exp' }],
    ['a start to come', { nbf: now + 600 }, {}, 'not_yet_valid', { claim: 'nbf' }],
    ['no start', { iat: undefined }, {}, 'iat_missing', { claim: 'iat' }],
    [
      'another algorithm',
      {},
      { algorithms: ['RS256', 'PS256'] },
      'algorithm',
      { expected: ['RS256', 'PS256'] },
    ],
    ['the mark of an ID token', { nonce: canary }, {}, 'token_type', { claim: 'nonce' }],
    [
      'another use',
      { token_use: 'id' },
      {},
      'token_type',
      { claim: 'token_use', expected: ['access', 'access_token'] },
    ],
  ])('with %s says whose it is and what was expected', async (_, claims, options, reason, more) => {
    const token = await people.token(claims as never)
    const { error, event } = await refuse([directSource(options)], bearer(token).headers)
    expect(error).toMatchObject({ reason })
    expect(error.failure).toEqual({ ...ofUser, ...more })
    expect(event).toMatchObject({ reason, failure: error.failure })
    expect(Object.isFrozen(error.failure)).toBe(true)
  })

  it('is distinguished from the token that came with it', async () => {
    const [user, machine] = await Promise.all([people.token(), gateway.token()])
    const late = await gateway.token({ exp: now - 600 })
    const old = await people.token({ exp: now - 600 })
    const send = async (authorization: string, forwardedToken: string) =>
      refuse([forwardedSource()], bearer(authorization, { 'x-user-token': forwardedToken }).headers)
    expect((await send(late, user)).error).toMatchObject({
      reason: 'expired',
      failure: { role: 'gateway', header: 'authorization', issuer: gatewayIssuer },
    })
    expect((await send(machine, old)).error).toMatchObject({
      reason: 'expired',
      failure: { role: 'user', header: 'x-user-token', issuer: peopleIssuer },
    })
    expect((await send(machine, user)).error).toMatchObject({
      reason: 'binding_client',
      failure: { role: 'user', source: 'forwarded', expected: [gatewayClient] },
    })
  })
})

describe('a request that no source takes', () => {
  const plain = plainHeaders({
    headers: { subject: 'x-user' },
    iss: 'https://proxy.example.com',
    proof: sharedSecret({ header: 'x-proof', secret }),
  })

  it.each<[string, readonly Source<unknown>[], () => Promise<object>, RefusalDetail]>([
    [
      'issuer_unknown',
      [directSource()],
      async () => bearer(await gateway.token()).headers,
      { header: 'authorization', expected: [peopleIssuer] },
    ],
    [
      'obo_missing',
      [forwardedSource()],
      async () => bearer(await gateway.token()).headers,
      { role: 'user', source: 'forwarded', header: 'x-user-token' },
    ],
    [
      'gateway_missing',
      [forwardedSource()],
      async () => ({ 'x-user-token': await people.token() }),
      { role: 'gateway', header: 'authorization' },
    ],
    [
      'proof_secret',
      [plain],
      async () => ({ 'x-user': canary, 'x-proof': `${canary}-and-more` }),
      { role: 'gateway', source: 'plainHeaders', header: 'x-proof' },
    ],
    [
      'headers_incomplete',
      [plain],
      async () => ({ 'x-proof': secret }),
      { role: 'user', source: 'plainHeaders', header: 'x-user' },
    ],
    [
      'credential_not_understood',
      [directSource(), plain],
      async () => bearer(await people.token(), { 'x-user': canary }).headers,
      { source: 'direct', header: 'x-user', expected: ['authorization'] },
    ],
    [
      'duplicate_header',
      [directSource()],
      async () => ({ authorization: `Bearer ${canary}, Bearer ${canary}` }),
      { header: 'authorization' },
    ],
  ])('says for %s which header it is about', async (reason, sources, headersOf, failure) => {
    const { error } = await refuse(sources, (await headersOf()) as Record<string, string>)
    expect(error.reason).toBe(reason)
    expect(error.failure).toEqual(failure)
  })
})

describe('the id of a refused request', () => {
  it('is the same on the error, the event, the record and the answer', async () => {
    const { error, event, recorded, answer } = await refuse([directSource()], {})
    expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(event).toMatchObject({ requestId: error.requestId })
    expect(recorded).toMatchObject([{ error: { requestId: error.requestId } }])
    expect(answer.headers).toMatchObject({ 'x-request-id': error.requestId })
    expect(answer.body).not.toContain(error.requestId)
  })

  it('belongs to one request, where one error refuses several', async () => {
    const error = new IdentityError('DOWN', { reason: 'own_shared' })
    const shared = { ...people.issuer(), verify: () => Promise.reject(error) }
    const headers = bearer(await people.token()).headers
    const refused = await Promise.all(
      [1, 2].map(() => refuse([direct({ issuer: shared })], headers)),
    )
    expect(new Set(refused.map(({ error }) => error.requestId)).size).toBe(2)
  })
})

it('shows no token, claim or value of a header to the operator or the caller', async () => {
  const hidden = ['sub', 'aud', 'client_id', 'iss', 'jti', 'nonce', 'token_use', 'tier']
  const sources = [
    directSource({ clients: ['app'], requiredClaims: { tier: 'gold' } }),
    forwardedSource(),
  ]
  for (const claim of hidden) {
    const token = await people.token({ [claim]: canary })
    const headers = bearer(token, { 'x-user-token': canary }).headers
    for (const sent of [bearer(token).headers, headers]) {
      const shown = inspect(await refuse(sources, sent), { depth: 20, showHidden: true })
      expect(shown).not.toContain(canary)
      expect(shown).not.toContain(token.split('.')[1])
    }
  }
})

describe('ready', () => {
  it('names the issuer whose keys cannot be loaded', async () => {
    const unreachable = issuer({
      iss: 'https://down.example.com',
      audience: resource,
      kind: 'by-client',
      fetch: () => Promise.reject(new Error('down')),
    })
    const authenticator = createAuthenticator({
      resource,
      sources: [directSource(), direct({ issuer: unreachable })],
    })
    expect(await thrownBy(() => authenticator.ready())).toMatchObject({
      code: 'DOWN',
      reason: 'keys_unavailable',
      failure: { issuer: 'https://down.example.com' },
    })
  })
})
