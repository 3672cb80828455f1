import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLocalIssuer, type LocalIssuer } from '@onbehalf/testing'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { basic, GATEWAY, MCP, post, refusal, startIssuer, verify, WORLD } from './fixture.ts'

let issuer: LocalIssuer

beforeAll(async () => {
  issuer = await startIssuer()
})

afterAll(() => issuer.close())

describe('createLocalIssuer', () => {
  it.each(['openid-configuration', 'oauth-authorization-server'])(
    'publishes its metadata as %s',
    async (document) => {
      const response = await fetch(`${issuer.issuer}/.well-known/${document}`)
      expect(await response.json()).toMatchObject({
        issuer: issuer.issuer,
        authorization_endpoint: issuer.authorizationEndpoint,
        token_endpoint: issuer.tokenEndpoint,
        jwks_uri: issuer.jwksUri,
        code_challenge_methods_supported: ['S256'],
        grant_types_supported: expect.arrayContaining([
          'authorization_code',
          'client_credentials',
          'urn:ietf:params:oauth:grant-type:token-exchange',
        ]) as unknown,
      })
    },
  )

  it('publishes public keys only', async () => {
    const { keys } = (await (await fetch(issuer.jwksUri)).json()) as { keys: object[] }
    expect(keys).toHaveLength(1)
    expect(keys[0]).toMatchObject({ alg: 'ES256', use: 'sig', kid: issuer.minter.kid })
    expect(keys[0]).not.toHaveProperty('d')
  })

  it('signs with RS256 unless configured otherwise', async () => {
    const rsa = await createLocalIssuer(WORLD)
    const { accessToken } = await rsa.clientCredentials({ client: 'gateway' })
    await rsa.close()
    expect(decodeProtectedHeader(accessToken)).toEqual({
      alg: 'RS256',
      typ: 'at+jwt',
      kid: rsa.minter.kid,
    })
  })

  it('lends its key for tokens that it would not issue', async () => {
    const expired = await issuer.minter.mint({ sub: 'ada', aud: MCP }, { expiresInSeconds: -60 })
    await expect(verify(issuer, expired)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' })
  })

  it('gives tokens the asked lifetime', async () => {
    const brief = await startIssuer({ accessTokenSeconds: 7 })
    const { accessToken, expiresInSeconds } = await brief.signIn({ user: 'ada' })
    await brief.close()
    const { iat = 0, exp } = decodeJwt(accessToken)
    expect([exp, expiresInSeconds]).toEqual([iat + 7, 7])
  })

  it('keeps two issuers apart', async () => {
    const other = await startIssuer()
    const { accessToken } = await other.signIn({ user: 'ada' })
    await other.close()
    await expect(verify(issuer, accessToken)).rejects.toMatchObject({
      code: 'ERR_JWKS_NO_MATCHING_KEY',
    })
  })

  it('listens on the asked port, and frees it on close', async () => {
    const probe = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => probe.once('listening', resolve))
    const { port } = probe.address() as AddressInfo
    await expect(startIssuer({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await new Promise((resolve) => probe.close(resolve))

    const first = await startIssuer({ port })
    expect(first.issuer).toBe(`http://127.0.0.1:${port}`)
    await first.close()
    const second = await startIssuer({ port })
    await second.close()
  })

  it.each([
    ['users', { users: [{ id: 'ada' }, { id: 'ada' }] }],
    ['clients', { clients: [{ id: 'app' }, { id: 'app' }] }],
    ['resources', { resources: [...WORLD.resources, { uri: MCP }] }],
    ['clients', { clients: [{ id: 'ada', secret: 'x' }] }],
    ['clients', { clients: [{ id: 'app', resources: ['https://unknown.example'] }] }],
    [
      'clients',
      { clients: [{ id: 'app', exchange: { from: [MCP], to: ['https://no.example'] } }] },
    ],
  ])('refuses contradictory %s %#', async (option, change) => {
    const start = startIssuer(change)
    await expect(start).rejects.toBeInstanceOf(TypeError)
    await expect(start).rejects.toThrow(`"${option}"`)
  })
})

describe('clientCredentials', () => {
  it('issues a machine token for the only resource of the client', async () => {
    const { accessToken, expiresInSeconds, scope, idToken } = await issuer.clientCredentials({
      client: 'gateway',
    })
    const { payload } = await verify(issuer, accessToken, { typ: 'at+jwt', audience: MCP })
    expect(payload).toEqual({
      iss: issuer.issuer,
      sub: 'gateway',
      client_id: 'gateway',
      aud: MCP,
      scope: 'mcp/invoke mcp/admin',
      jti: expect.any(String) as unknown,
      iat: expect.any(Number) as unknown,
      exp: (payload.iat ?? 0) + 300,
    })
    expect([expiresInSeconds, scope, idToken]).toEqual([300, 'mcp/invoke mcp/admin', undefined])
  })

  it('names the resource that was asked for, with the scopes that were asked for', async () => {
    const { accessToken } = await issuer.clientCredentials({
      client: 'worker',
      resource: MCP,
      scope: 'mcp/invoke',
    })
    expect(decodeJwt(accessToken)).toMatchObject({ aud: MCP, scope: 'mcp/invoke' })
  })

  it.each([
    ['a resource it does not have', { client: 'gateway', resource: GATEWAY }, 'invalid_target'],
    ['an unknown resource', { client: 'gateway', resource: 'https://x.example' }, 'invalid_target'],
    ['no resource, where several are possible', { client: 'worker' }, 'invalid_target'],
    ['an unknown scope', { client: 'gateway', scope: 'mcp/none' }, 'invalid_scope'],
    [
      'a scope it does not have',
      { client: 'worker', resource: MCP, scope: 'mcp/admin' },
      'invalid_scope',
    ],
    ['a public client', { client: 'app' }, 'invalid_request'],
  ])('refuses %s', async (_case, options, error) => {
    await expect(issuer.clientCredentials(options)).rejects.toMatchObject({
      status: 400,
      ...refusal(error),
    })
  })

  it('says of a client it does not know that the caller erred', async () => {
    await expect(issuer.clientCredentials({ client: 'nobody' })).rejects.toBeInstanceOf(TypeError)
  })
})

describe('client authentication', () => {
  const grant = { grant_type: 'client_credentials', scope: 'mcp/invoke' }

  it('takes the secret by HTTP Basic', async () => {
    const { status } = await post(issuer, grant, basic('gateway', 'gateway secret: &+'))
    expect(status).toBe(200)
  })

  it('takes the secret in the body', async () => {
    const { status } = await post(issuer, {
      ...grant,
      client_id: 'gateway',
      client_secret: 'gateway secret: &+',
    })
    expect(status).toBe(200)
  })

  it.each([
    ['a wrong secret', basic('gateway', 'guess')],
    ['an unknown client', basic('nobody', 'guess')],
  ])('refuses %s', async (_case, authorization) => {
    const { status, answer } = await post(issuer, grant, authorization)
    expect([status, answer['error']]).toEqual([401, 'invalid_client'])
  })

  it('refuses a confidential client without its secret', async () => {
    const { status, answer } = await post(issuer, { ...grant, client_id: 'gateway' })
    expect([status, answer['error']]).toEqual([401, 'invalid_client'])
  })

  it('refuses a grant type that it does not have', async () => {
    const authorization = basic('gateway', 'gateway secret: &+')
    const { status, answer } = await post(issuer, { grant_type: 'password' }, authorization)
    expect([status, answer['error']]).toEqual([400, 'unsupported_grant_type'])
  })
})

describe('rotateKeys', () => {
  it('signs with a new key and keeps the previous one published', async () => {
    const rotating = await startIssuer()
    const first = await rotating.clientCredentials({ client: 'gateway' })
    await rotating.rotateKeys()
    const second = await rotating.clientCredentials({ client: 'gateway' })
    const kids = [first, second].map(({ accessToken }) => decodeProtectedHeader(accessToken).kid)
    expect(new Set(kids).size).toBe(2)
    expect(kids[1]).toBe(rotating.minter.kid)
    await expect(verify(rotating, first.accessToken)).resolves.toBeDefined()
    await expect(verify(rotating, second.accessToken)).resolves.toBeDefined()

    await rotating.rotateKeys()
    await expect(verify(rotating, first.accessToken)).rejects.toMatchObject({
      code: 'ERR_JWKS_NO_MATCHING_KEY',
    })
    await expect(verify(rotating, second.accessToken)).resolves.toBeDefined()
    await rotating.close()
  })
})
