import { createTokenMinter, type LocalIssuer } from '@onbehalf/testing'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { basic, GATEWAY, LEDGER, MCP, post, refusal, startIssuer, verify } from './fixture.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const AUTHORIZATION = basic('gateway', 'gateway secret: &+')

let issuer: LocalIssuer
let subjectToken: string

beforeAll(async () => {
  issuer = await startIssuer()
})

beforeEach(async () => {
  subjectToken = (await issuer.signIn({ user: 'ada' })).accessToken
})

afterAll(() => issuer.close())

function exchange(
  change: Record<string, string> = {},
  authorization: string = AUTHORIZATION,
): ReturnType<typeof post> {
  return post(issuer, { ...request(), ...change }, authorization)
}

function request(): Record<string, string> {
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subjectToken,
    subject_token_type: ACCESS_TOKEN,
    resource: MCP,
  }
}

/** What an expired, foreign or senseless token of the person would say if it were sound. */
function subjectClaims(change: Record<string, unknown> = {}): Record<string, unknown> {
  return { sub: 'ada', client_id: 'app', aud: GATEWAY, scope: 'gateway/invoke', ...change }
}

describe('token exchange (RFC 8693)', () => {
  it('issues a token of the person for the other resource, with the client as actor', async () => {
    const { accessToken, expiresInSeconds, scope } = await issuer.exchange({
      client: 'gateway',
      subjectToken,
      resource: MCP,
    })
    const { payload } = await verify(issuer, accessToken, { typ: 'at+jwt', audience: MCP })
    expect(payload).toMatchObject({
      sub: 'ada',
      client_id: 'gateway',
      aud: MCP,
      scope: 'mcp/invoke mcp/admin',
      org_id: 'acme',
      roles: ['admin', 'member'],
      act: { sub: 'gateway' },
    })
    expect(scope).toBe('mcp/invoke mcp/admin')
    expect(expiresInSeconds).toBeGreaterThan(290)
  })

  it('answers with the type of the issued token', async () => {
    const { status, answer } = await exchange()
    expect(status).toBe(200)
    expect(answer).toMatchObject({ issued_token_type: ACCESS_TOKEN, token_type: 'Bearer' })
    expect(answer).not.toHaveProperty('refresh_token')
  })

  it('keeps earlier actors inside the present one', async () => {
    const first = await issuer.exchange({ client: 'gateway', subjectToken, resource: MCP })
    const second = await issuer.exchange({
      client: 'mcp-server',
      subjectToken: first.accessToken,
      resource: LEDGER,
    })
    expect(decodeJwt(second.accessToken)).toMatchObject({
      sub: 'ada',
      aud: LEDGER,
      act: { sub: 'mcp-server', act: { sub: 'gateway' } },
    })
  })

  it('issues a token that does not outlive the subject token', async () => {
    const token = await issuer.minter.mint(subjectClaims(), { expiresInSeconds: 20 })
    const tokens = await issuer.exchange({ client: 'gateway', subjectToken: token, resource: MCP })
    expect(decodeJwt(tokens.accessToken).exp).toBeLessThanOrEqual(decodeJwt(token).exp ?? 0)
    expect(tokens.expiresInSeconds).toBeLessThanOrEqual(20)
  })

  it('narrows the scopes on request', async () => {
    const tokens = await issuer.exchange({
      client: 'gateway',
      subjectToken,
      resource: MCP,
      scope: 'mcp/invoke',
    })
    expect(decodeJwt(tokens.accessToken)['scope']).toBe('mcp/invoke')
  })

  it('takes the target as audience, and both when they agree', async () => {
    const { resource: _, ...withoutResource } = request()
    const byAudience = await post(issuer, { ...withoutResource, audience: MCP }, AUTHORIZATION)
    expect(decodeJwt(String(byAudience.answer['access_token'])).aud).toBe(MCP)
    expect((await exchange({ audience: MCP })).status).toBe(200)
  })

  it("takes the client's machine token as actor token", async () => {
    const { accessToken: actorToken } = await issuer.clientCredentials({ client: 'gateway' })
    const tokens = await issuer.exchange({
      client: 'gateway',
      subjectToken,
      resource: MCP,
      actorToken,
    })
    expect(decodeJwt(tokens.accessToken)['act']).toEqual({ sub: 'gateway' })
  })

  it('takes a token signed before the last rotation', async () => {
    await issuer.rotateKeys()
    const tokens = await issuer.exchange({ client: 'gateway', subjectToken, resource: MCP })
    await expect(verify(issuer, tokens.accessToken)).resolves.toBeDefined()
  })

  describe('refuses', () => {
    it('a client that may not exchange', async () => {
      const { status, answer } = await exchange({}, basic('worker', 'worker-secret'))
      expect(status).toBe(400)
      expect(answer['error']).toBe('invalid_request')
    })

    it('a client that does not authenticate', async () => {
      const { status, answer } = await exchange({}, basic('gateway', 'guess'))
      expect([status, answer['error']]).toEqual([401, 'invalid_client'])
    })

    it.each<[string, Record<string, string>]>([
      ['a target that is not declared', { resource: 'https://x.example/mcp' }],
      ['a declared target that is not for this client', { resource: LEDGER }],
      ['two targets', { audience: LEDGER }],
    ])('%s', async (_case, change) => {
      const { status, answer } = await exchange(change)
      expect([status, answer['error']]).toEqual([400, 'invalid_target'])
    })

    it('a request without a target', async () => {
      const { resource: _, ...withoutResource } = request()
      const { answer } = await post(issuer, withoutResource, AUTHORIZATION)
      expect(answer['error']).toBe('invalid_target')
    })

    it('a target given twice', async () => {
      const pairs = [...Object.entries(request()), ['resource', LEDGER] as [string, string]]
      const { answer } = await post(issuer, pairs, AUTHORIZATION)
      expect(answer['error']).toBe('invalid_target')
    })

    it('a scope that the target does not have', async () => {
      const { answer } = await exchange({ scope: 'ledger/read' })
      expect(answer['error']).toBe('invalid_scope')
    })

    it.each<[string, Record<string, string>]>([
      ['no subject token type', { subject_token_type: '' }],
      [
        'an ID token by its type',
        { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
      ],
      ['another requested type', { requested_token_type: `${JWT}x` }],
      ['an actor token without type', { actor_token: 'x' }],
      ['an actor token type without token', { actor_token_type: ACCESS_TOKEN }],
    ])('%s', async (_case, change) => {
      const { status, answer } = await exchange(change)
      expect([status, answer['error']]).toEqual([400, 'invalid_request'])
      expect(answer['error_description']).toBe('the token types are missing or not supported')
    })
  })

  describe('refuses as subject token', () => {
    type Mint = () => Promise<string>
    const cases: [string, Mint][] = [
      ['garbage', async () => 'not-a-token'],
      ['nothing', async () => ''],
      ['an expired token', () => issuer.minter.mint(subjectClaims(), { expiresInSeconds: -1 })],
      [
        'a token without expiry',
        () => issuer.minter.mint(subjectClaims(), { expiresInSeconds: null }),
      ],
      [
        "a token with another issuer's name",
        () => issuer.minter.mint(subjectClaims({ iss: 'https://x.example' })),
      ],
      ['an unsigned token', () => issuer.minter.mint(subjectClaims(), { alg: 'none' })],
      [
        'a token of a stranger in the name of this issuer',
        async () => {
          const { kid, issuer: iss } = issuer.minter
          const stranger = await createTokenMinter({ alg: 'ES256', kid, issuer: iss })
          return stranger.mint(subjectClaims())
        },
      ],
      ['an ID token', async () => (await issuer.signIn({ user: 'ada' })).idToken ?? ''],
      [
        'a token of another type',
        () => issuer.minter.mint(subjectClaims(), { header: { typ: 'logout+jwt' } }),
      ],
      [
        "a token for a resource that is not the client's",
        async () =>
          (
            await issuer.signIn({
              user: 'ada',
              client: 'worker',
              resource: LEDGER,
              scope: 'openid',
            })
          ).accessToken,
      ],
      [
        'a machine token',
        () => issuer.minter.mint(subjectClaims({ sub: 'worker', client_id: 'worker' })),
      ],
      ['a token of an unknown person', () => issuer.minter.mint(subjectClaims({ sub: 'mallory' }))],
    ]

    it.each(cases)('%s', async (_case, mint) => {
      const token = await mint()
      const { status, answer, text } = await exchange({ subject_token: token })
      expect([status, answer['error']]).toEqual([400, 'invalid_request'])
      expect(answer).not.toHaveProperty('access_token')
      expect(text).not.toContain(token || 'subject_token')
    })

    it.each<[string, Mint]>([
      ['garbage', async () => 'not-a-token'],
      [
        "another client's machine token",
        async () =>
          (await issuer.clientCredentials({ client: 'worker', resource: MCP })).accessToken,
      ],
      ['a token of a person', async () => subjectToken],
    ])('%s as actor token', async (_case, mint) => {
      const { status, answer } = await exchange({
        actor_token: await mint(),
        actor_token_type: ACCESS_TOKEN,
      })
      expect([status, answer['error']]).toEqual([400, 'invalid_request'])
    })
  })

  it('throws for the refused client what the issuer answered', async () => {
    const refused = issuer.exchange({ client: 'gateway', subjectToken: 'x', resource: MCP })
    await expect(refused).rejects.toMatchObject({
      message: 'The issuer refused the request.',
      status: 400,
      ...refusal('invalid_request', 'a presented token is not valid'),
    })
  })
})
