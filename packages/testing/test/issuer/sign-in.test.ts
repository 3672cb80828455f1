import type { LocalIssuer } from '@onbehalf/testing'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GATEWAY, MCP, post, refusal, startIssuer, verify } from './fixture.ts'

let issuer: LocalIssuer

beforeAll(async () => {
  issuer = await startIssuer()
})

afterAll(() => issuer.close())

describe('signIn', () => {
  it('issues an RFC 9068 access token with the person, the organization and the roles', async () => {
    const { accessToken, expiresInSeconds, scope } = await issuer.signIn({ user: 'ada' })
    const { payload, protectedHeader } = await verify(issuer, accessToken, { audience: GATEWAY })
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: issuer.minter.kid })
    expect(payload).toEqual({
      iss: issuer.issuer,
      sub: 'ada',
      client_id: 'app',
      aud: GATEWAY,
      scope: 'gateway/invoke',
      org_id: 'acme',
      org_name: 'Acme',
      roles: ['admin', 'member'],
      jti: expect.any(String) as unknown,
      iat: expect.any(Number) as unknown,
      exp: (payload.iat ?? 0) + 300,
    })
    expect([expiresInSeconds, scope]).toEqual([300, 'gateway/invoke'])
  })

  it('issues an ID token for the client, which is not an access token', async () => {
    const { idToken = '' } = await issuer.signIn({ user: 'ada' })
    const { payload } = await verify(issuer, idToken, { audience: 'app' })
    expect(payload).toMatchObject({ sub: 'ada', org_id: 'acme', email: 'ada@acme.example' })
    expect(payload).toHaveProperty('name', 'Ada Lovelace')
    expect(decodeProtectedHeader(idToken).typ).toBeUndefined()
  })

  it('issues no ID token without the scope openid', async () => {
    const tokens = await issuer.signIn({ user: 'ada', scope: 'gateway/invoke' })
    expect(tokens.idToken).toBeUndefined()
    expect(decodeJwt(tokens.accessToken)['scope']).toBe('gateway/invoke')
  })

  it('grants all that the client may have to a client that asks for no scope', async () => {
    const tokens = await issuer.signIn({ user: 'ada', scope: '' })
    expect(decodeJwt(tokens.accessToken)['scope']).toBe('gateway/invoke')
    expect(tokens.idToken).toBeUndefined()
  })

  it('lists the organizations of a person who acts in none of them', async () => {
    const { accessToken } = await issuer.signIn({ user: 'eve' })
    const payload = decodeJwt(accessToken)
    expect(payload).not.toHaveProperty('org_id')
    expect(payload['organizations']).toEqual([{ id: 'acme', roles: ['guest'] }, { id: 'globex' }])
  })

  it('adds claims of another shape as they are given', async () => {
    const { accessToken } = await issuer.signIn({ user: 'kim' })
    expect(decodeJwt(accessToken)).toMatchObject({
      sub: 'kim',
      organization: { acme: { id: 'o-1' } },
      act: { sub: 'support' },
    })
  })

  it('signs people in through another client, for the resource that is asked for', async () => {
    const { accessToken } = await issuer.signIn({ user: 'bob', client: 'worker', resource: MCP })
    expect(decodeJwt(accessToken)).toMatchObject({
      sub: 'bob',
      client_id: 'worker',
      aud: MCP,
      scope: 'mcp/invoke',
      org_id: 'globex',
    })
  })

  it('keeps many simultaneous sign-ins apart', async () => {
    const people = Array.from({ length: 40 }, (_, index) => (index % 2 ? 'ada' : 'bob'))
    const tokens = await Promise.all(people.map((user) => issuer.signIn({ user })))
    expect(tokens.map(({ accessToken }) => decodeJwt(accessToken).sub)).toEqual(people)
    expect(new Set(tokens.map(({ accessToken }) => decodeJwt(accessToken).jti)).size).toBe(40)
  })

  it.each([
    ['a resource the client does not have', { resource: MCP }, 'invalid_target'],
    ['no resource, where several are possible', { client: 'worker' }, 'invalid_target'],
    ['a scope that does not exist', { scope: 'openid gateway/none' }, 'invalid_scope'],
  ])('refuses %s', async (_case, options, error) => {
    await expect(issuer.signIn({ user: 'ada', ...options })).rejects.toMatchObject(refusal(error))
  })

  it('says of a person it does not know that the caller erred', async () => {
    await expect(issuer.signIn({ user: 'nobody' })).rejects.toBeInstanceOf(TypeError)
  })
})

describe('authorization endpoint', () => {
  const request = {
    response_type: 'code',
    client_id: 'app',
    redirect_uri: 'http://127.0.0.1/callback',
    scope: 'openid gateway/invoke',
    state: 's-1',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  }

  function authorize(change: Record<string, string>): Promise<Response> {
    const query = new URLSearchParams({ ...request, ...change }).toString()
    return fetch(`${issuer.authorizationEndpoint}?${query}`, { redirect: 'manual' })
  }

  function pairs(response: Response): string {
    return response.headers
      .getSetCookie()
      .map((cookie) => cookie.split(';')[0])
      .join('; ')
  }

  async function openPage(): Promise<{ url: URL; cookie: string }> {
    const response = await authorize({})
    const url = new URL(response.headers.get('location') ?? '', issuer.issuer)
    return { url, cookie: pairs(response) }
  }

  it('demands PKCE', async () => {
    const query = { ...request, code_challenge: '', code_challenge_method: '' }
    const { headers } = await authorize(query)
    const callback = new URL(headers.get('location') ?? '')
    expect(callback.searchParams.get('error')).toBe('invalid_request')
  })

  it('refuses another address than the registered one, and does not redirect there', async () => {
    const response = await authorize({ redirect_uri: 'https://evil.example/callback' })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: 'invalid_redirect_uri' })
  })

  it('asks a browser who is there', async () => {
    const { url, cookie } = await openPage()
    const page = await (await fetch(url, { headers: { cookie } })).text()
    expect(page).toContain('<button name="user" value="ada">Ada Lovelace</button>')
  })

  it('signs in nobody it does not know', async () => {
    const { url, cookie } = await openPage()
    const body = new URLSearchParams({ user: 'nobody' })
    const response = await fetch(url, { method: 'POST', headers: { cookie }, body })
    expect(response.status).toBe(400)
    expect(response.headers.get('location')).toBeNull()
  })

  it('answers no page without the browser that began', async () => {
    const { url } = await openPage()
    expect((await fetch(url)).status).toBe(400)
  })

  it('exchanges a code only with its verifier, and once', async () => {
    const { url, cookie } = await openPage()
    const body = new URLSearchParams({ user: 'ada' })
    const picked = await fetch(url, {
      method: 'POST',
      headers: { cookie },
      body,
      redirect: 'manual',
    })
    const resume = new URL(picked.headers.get('location') ?? '', issuer.issuer)
    const arrived = await fetch(resume, { headers: { cookie }, redirect: 'manual' })
    const callback = new URL(arrived.headers.get('location') ?? '')
    expect(callback.searchParams.get('iss')).toBe(issuer.issuer)
    const redeem = (verifier: string): ReturnType<typeof post> =>
      post(issuer, {
        grant_type: 'authorization_code',
        client_id: 'app',
        code: callback.searchParams.get('code') ?? '',
        redirect_uri: request.redirect_uri,
        code_verifier: verifier,
      })
    const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
    expect((await redeem('x'.repeat(43))).answer).toMatchObject({ error: 'invalid_grant' })
    expect((await redeem(verifier)).status).toBe(200)
    expect((await redeem(verifier)).answer).toMatchObject({ error: 'invalid_grant' })
  })
})
