import { BedrockAgentCore } from '@aws-sdk/client-bedrock-agentcore'
import {
  type AgentCoreClient,
  type AgentCoreIdentityOptions,
  type ApiOptions,
  agentCoreIdentity,
  type ClientOptions,
  clientCredentials,
  createDownstream,
  crossAppAccess,
  type Grant,
  tokenExchange,
} from '@onbehalf/downstream'
import { decodeJwt, jwtVerify } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  client,
  createScripted,
  createWorld,
  failWith,
  issueToken,
  type Received,
  refusalOf,
  type Scripted,
  tenantId,
  type World,
} from '../support/scripted.ts'
import { json, secret } from '../support/world.ts'

let world: World
let vault: Scripted
beforeAll(async () => {
  world = await createWorld()
  vault = await createScripted(() => undefined)
})
afterAll(async () => {
  await Promise.all([world.close(), vault.close()])
})
beforeEach(() => {
  world.tokens.received.length = 0
  world.tokens.answer = issueToken
  world.api.received.length = 0
  vault.received.length = 0
})

const tokenEndpoint = (): string => `${world.tokens.url}/token`

/** What the token endpoint received when a user's call needed a token. */
async function requestsOf(api: Partial<ApiOptions>, user = 'ada'): Promise<readonly Received[]> {
  await world.create(api).ledger.fetch(await world.as(user), '/me')
  return world.tokens.received
}

function exchange(more: object = {}, of: ClientOptions = client): Grant {
  const issuer = 'https://login.example.com'
  return tokenExchange({ issuer, tokenEndpoint: tokenEndpoint(), client: of, ...more })
}

const form = (request: Received | undefined): Record<string, string> =>
  Object.fromEntries(request?.form ?? [])

describe('token exchange (RFC 8693)', () => {
  it('sends the token of the subject, and what the new one is for', async () => {
    const [request] = await requestsOf({
      audience: 'ledger',
      resource: 'https://ledger.example.com',
      scopes: ['read', 'write'],
      grant: exchange(),
    } as Partial<ApiOptions>)
    const { subject_token: subjectToken = '', ...rest } = form(request)
    expect(decodeJwt(subjectToken)).toMatchObject({ sub: 'ada' })
    expect(rest).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'ledger',
      resource: 'https://ledger.example.com',
      scope: 'read write',
    })
  })

  it("sends this server's own token along, which it obtains once", async () => {
    const downstream = world.create({
      resource: 'https://ledger.example.com',
      grant: exchange({ actorToken: { scopes: ['act'] } }),
    })
    await downstream.ledger.fetch(await world.as('ada'), '/me')
    await downstream.ledger.fetch(await world.as('bob'), '/me')
    const forms = world.tokens.received.map(form)
    expect(forms.map(({ grant_type: type }) => type?.split(':').at(-1))).toEqual([
      'client_credentials',
      'token-exchange',
      'token-exchange',
    ])
    const actors = forms.slice(1).map((it) => [it['actor_token'], it['actor_token_type']])
    expect(actors[0]?.[0]).toMatch(/^api-token-/)
    expect(actors[0]?.[1]).toBe('urn:ietf:params:oauth:token-type:access_token')
    expect(actors[1]).toEqual(actors[0])
  })

  it.each([
    ['more', 'read write', 'REFUSED', 'scope_too_broad'],
    ['less', 'write', 'SCOPE', 'scope_not_granted'],
  ])('refuses a token with %s scopes than were asked for', async (_how, scope, code, reason) => {
    world.tokens.answer = (_request, res) =>
      json(res, 200, { access_token: 'x', token_type: 'bearer', expires_in: 60, scope })
    const downstream = world.create({ audience: 'a', scopes: ['read'], grant: exchange() })
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me'))
    expect(error).toMatchObject({ code, reason })
    expect(world.api.received).toEqual([])
  })

  it.each([
    ['DPoP', { access_token: 'x', token_type: 'DPoP' }, 'token_type_not_supported'],
    ['of no type', { access_token: 'x' }, 'token_endpoint_answer_malformed'],
    ['empty', { access_token: '', token_type: 'bearer' }, 'token_endpoint_answer_malformed'],
    ['absent', {}, 'token_endpoint_answer_malformed'],
    [
      'of an unknown type',
      { access_token: 'x', token_type: 'mac' },
      'token_endpoint_answer_malformed',
    ],
  ])('refuses a token that is %s', async (_what, answer, reason) => {
    world.tokens.answer = (_request, res) => json(res, 200, answer)
    const downstream = world.create({ grant: exchange() })
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me'))
    expect(error).toMatchObject({ code: 'REFUSED', reason })
  })

  it('needs to know what the token is for', () => {
    expect(() =>
      createDownstream({
        authenticator: world.authenticator,
        apis: { ledger: { baseUrl: world.api.url, grant: exchange() } },
      }),
    ).toThrow('apis.ledger: audience or resource is required')
  })
})

describe('client authentication', () => {
  it('is HTTP Basic, form-encoded', async () => {
    const of = { ...client, id: 'a:b', secret: 'p%q+r' }
    const [request] = await requestsOf({ grant: exchange({}, of) })
    const sent = atob(String(request?.headers.authorization).slice('Basic '.length))
    expect(sent).toBe('a%3Ab:p%25q%2Br')
  })

  it('is a secret in the form', async () => {
    const of = { id: 'mcp-server', method: 'client_secret_post', secret } as const
    const [request] = await requestsOf({ grant: exchange({}, of) })
    expect(form(request)).toMatchObject({ client_id: 'mcp-server', client_secret: secret })
    expect(request?.headers.authorization).toBeUndefined()
  })

  it('is a signed assertion (RFC 7523)', async () => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ])
    const key = pair.privateKey
    const of = { id: 'mcp-server', method: 'private_key_jwt', key, keyId: 'k1' } as const
    const [request] = await requestsOf({ grant: exchange({}, of) })
    const { client_assertion: assertion = '', client_assertion_type: type } = form(request)
    expect(type).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    const { payload, protectedHeader } = await jwtVerify(assertion, pair.publicKey, {
      issuer: 'mcp-server',
      subject: 'mcp-server',
      audience: 'https://login.example.com',
    })
    expect(protectedHeader.kid).toBe('k1')
    expect(payload.jti).toBeDefined()
  })

  it('is mutual TLS by the fetch of the grant, and by no other', async () => {
    const of = { id: 'mcp-server', method: 'tls_client_auth' } as const
    expect(() => exchange({}, of)).toThrow('fetch is required')
    let calls = 0
    const presenting: typeof fetch = (...input) => {
      calls += 1
      return fetch(...input)
    }
    const [request] = await requestsOf({ grant: exchange({ fetch: presenting }, of) })
    expect(calls).toBe(1)
    expect(form(request)).toMatchObject({ client_id: 'mcp-server' })
    expect(form(request)['client_secret']).toBeUndefined()
  })

  it.each([
    [{ id: '', method: 'client_secret_basic', secret }, 'client.id is required'],
    [{ id: 'x', method: 'client_secret_basic', secret: '' }, 'client.secret is required'],
    [{ id: 'x', method: 'none' }, 'client.method is not a known method'],
    [{ id: 'x', method: 'private_key_jwt', key: 'pem' }, 'client.key must be a private CryptoKey'],
  ])('has to be complete: %j', (of, message) => {
    expect(() => exchange({}, of as ClientOptions)).toThrow(message)
  })
})

describe('the on-behalf-of flow of Entra', () => {
  it('sends the token of the subject as an assertion', async () => {
    const [request] = await requestsOf(world.entra())
    const { assertion = '', ...rest } = form(request)
    expect(decodeJwt(assertion)).toMatchObject({ sub: 'ada' })
    expect(request?.path).toBe(`/${tenantId}/oauth2/v2.0/token`)
    expect(rest).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      requested_token_use: 'on_behalf_of',
      scope: 'https://ledger.example.com/Read',
    })
  })

  it.each([
    ['invalid_grant', { suberror: 'consent_required', error_codes: [65001] }, 'consent_required'],
    ['interaction_required', { claims: '{"access_token":{}}' }, 'interaction_required'],
  ])('asks for the user: %s', async (error, more, reason) => {
    world.tokens.answer = failWith(error, more)
    const refusal = await refusalOf(
      world.create(world.entra()).ledger.fetch(await world.as('ada'), '/me'),
    )
    expect(refusal).toMatchObject({ code: 'CONSENT', reason })
  })

  it('takes the short names of scopes that Entra answers with', async () => {
    world.tokens.answer = (_request, res) =>
      json(res, 200, { access_token: 'x', token_type: 'Bearer', expires_in: 60, scope: 'Read All' })
    const answer = await world.create(world.entra()).ledger.fetch(await world.as('ada'), '/me')
    expect(answer.status).toBe(200)
  })
})

describe('cross-app access', () => {
  it('turns the token of the subject into an assertion, and that into a token', async () => {
    const idp = await createScripted((request, res) => {
      const idJag = 'urn:ietf:params:oauth:token-type:id-jag'
      if (request.form.get('requested_token_type') !== idJag) {
        return json(res, 400, { error: 'invalid_request' })
      }
      const answer = { access_token: 'the-assertion', token_type: 'N_A', expires_in: 60 }
      json(res, 200, { ...answer, issued_token_type: idJag })
    })
    try {
      const grant = crossAppAccess({
        identityProvider: { issuer: idp.url, tokenEndpoint: `${idp.url}/token`, client },
        authorizationServer: {
          issuer: 'https://login.example.com',
          tokenEndpoint: tokenEndpoint(),
          client: { ...client, id: 'at-the-other' },
        },
      })
      const [request] = await requestsOf({ grant, scopes: ['read'] })
      expect(form(idp.received[0])).toMatchObject({
        audience: 'https://login.example.com',
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        scope: 'read',
      })
      expect(form(request)).toEqual({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: 'the-assertion',
        scope: 'read',
      })
      idp.answer = (_request, res) =>
        json(res, 200, { access_token: 'an-access-token', token_type: 'Bearer', expires_in: 60 })
      const other = world.create({ grant, scopes: ['read'] })
      const error = await refusalOf(other.ledger.fetch(await world.as('bob'), '/me'))
      expect(error).toMatchObject({ code: 'REFUSED', reason: 'assertion_not_issued' })
    } finally {
      await idp.close()
    }
  })
})

describe('client credentials', () => {
  const own = (more: object = {}): Grant =>
    clientCredentials({
      issuer: 'https://login.example.com',
      tokenEndpoint: tokenEndpoint(),
      client,
      ...more,
    })

  it('are one token for all callers, and name none of them', async () => {
    const downstream = world.create({ grant: own() })
    await downstream.ledger.fetch(await world.as('ada'), '/me')
    await downstream.ledger.fetch(await world.as('bob'), '/me')
    expect(world.tokens.received.map((it) => form(it)['grant_type'])).toEqual([
      'client_credentials',
    ])
    expect(JSON.stringify(world.api.received)).not.toMatch(/ada|bob/)
  })

  it('name the subject where that is asked for', async () => {
    const downstream = world.create({ grant: own({ subjectHeader: 'X-Subject' }) })
    await downstream.ledger.fetch(await world.as('ada lovelace\n'), '/me', {
      headers: { 'x-subject': 'root' },
    })
    expect(world.api.received[0]?.headers['x-subject']).toBe(
      'https%3A%2F%2Fissuer.example.com ada%20lovelace%0A',
    )
  })

  it('still need a caller whom this server knows', async () => {
    const downstream = world.create({ grant: own() })
    const ada = await world.as('ada')
    const copy = { ...ada, subject: 'root' }
    const error = await refusalOf(downstream.ledger.fetch(copy, '/me'))
    expect(error).toMatchObject({ code: 'SUBJECT', reason: 'identity_unknown' })
  })
})

describe('AgentCore Identity', () => {
  const sdk = (): BedrockAgentCore =>
    new BedrockAgentCore({
      region: 'eu-central-1',
      endpoint: vault.url,
      maxAttempts: 1,
      credentials: { accessKeyId: 'AKIA', secretAccessKey: 'secret' },
    })

  const grantOf = (flow: AgentCoreIdentityOptions['flow'], more: object = {}): Grant => {
    const client: AgentCoreClient = sdk()
    return agentCoreIdentity({
      client,
      workloadName: 'mcp',
      credentialProvider: 'ledger',
      flow,
      ...more,
    })
  }

  const answering =
    (token: object): Scripted['answer'] =>
    ({ path }, res) =>
      json(res, 200, path.includes('oauth2') ? token : { workloadAccessToken: 'workload-token' })

  const bodies = (): readonly unknown[] => vault.received.map(({ body }) => JSON.parse(body))

  it("exchanges the subject's token", async () => {
    vault.answer = answering({ accessToken: 'vault-token' })
    const grant = grantOf('ON_BEHALF_OF_TOKEN_EXCHANGE')
    await requestsOf({ grant, scopes: ['read'], audience: 'ledger' })
    const [first, second] = bodies()
    expect(vault.received.map(({ path }) => path)).toEqual([
      '/identities/GetWorkloadAccessTokenForJWT',
      '/identities/oauth2/token',
    ])
    expect(first).toMatchObject({ workloadName: 'mcp', userToken: expect.stringMatching(/^ey/) })
    expect(second).toEqual({
      workloadIdentityToken: 'workload-token',
      resourceCredentialProviderName: 'ledger',
      scopes: ['read'],
      oauth2Flow: 'ON_BEHALF_OF_TOKEN_EXCHANGE',
      audiences: ['ledger'],
    })
    expect(world.api.received[0]?.headers.authorization).toBe('Bearer vault-token')
  })

  it('says where users connect their account', async () => {
    vault.answer = answering({ authorizationUrl: 'https://vault.example.com/consent?id=1' })
    const downstream = world.create({ grant: grantOf('USER_FEDERATION'), scopes: ['read'] })
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me'))
    expect(error).toMatchObject({
      code: 'CONSENT',
      reason: 'consent_required',
      url: 'https://vault.example.com/consent?id=1',
    })
    expect(error.message).not.toContain('vault.example.com')
  })

  it.each([
    [403, 'AccessDeniedException', 'REFUSED', 'access_denied'],
    [400, 'ValidationException', 'REFUSED', 'exchange_refused'],
    [500, 'InternalServerException', 'DOWN', 'token_endpoint_unavailable'],
  ])('refuses in the closed list: %i', async (status, type, code, reason) => {
    vault.answer = (_request, res) =>
      json(res, status, { message: 'ada' }, { 'x-amzn-errortype': type })
    const grant = grantOf('ON_BEHALF_OF_TOKEN_EXCHANGE')
    const downstream = world.create({ grant, scopes: ['read'] })
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me'))
    expect(error).toMatchObject({ code, reason })
  })

  it('is given up in time', async () => {
    vault.answer = () => undefined
    const grant = grantOf('ON_BEHALF_OF_TOKEN_EXCHANGE', { timeoutSeconds: 0.2 })
    const downstream = world.create({ grant, scopes: ['read'] })
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me'))
    expect(error).toMatchObject({ code: 'DOWN', reason: 'token_endpoint_timeout' })
  })
})

describe('a token endpoint', () => {
  it('is found by the metadata of its issuer', async () => {
    const server = await createScripted((request, res) => {
      if (request.path !== '/.well-known/openid-configuration') return issueToken(request, res)
      const { url } = server
      return json(res, 200, { issuer: url, token_endpoint: `${url}/t` })
    })
    const { url } = server
    const downstream = world.create({ grant: tokenExchange({ issuer: url, client }) })
    await downstream.ledger.fetch(await world.as('ada'), '/me')
    await downstream.ledger.fetch(await world.as('bob'), '/me')
    expect(server.received.map(({ path }) => path)).toEqual([
      '/.well-known/openid-configuration',
      '/t',
      '/t',
    ])
    await server.close()
  })

  it('is not believed when its metadata are of another issuer', async () => {
    const server = await createScripted((_request, res) =>
      json(res, 200, {
        issuer: 'https://evil.example.com',
        token_endpoint: 'https://evil.example.com',
      }),
    )
    const downstream = world.create({ grant: tokenExchange({ issuer: server.url, client }) })
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me'))
    expect(error.code).toBe('REFUSED')
    await server.close()
  })

  it.each([
    ['redirects', 302, { location: 'https://evil.example.com' }, '', 'token_endpoint_redirects'],
    ['answers without end', 200, {}, 'x'.repeat(100_000), 'token_endpoint_answer_too_large'],
  ])('is given up when it %s', async (_what, status, headers, body, reason) => {
    world.tokens.answer = (_request, res) => {
      res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
    }
    const error = await refusalOf(
      world.create({ grant: exchange() }).ledger.fetch(await world.as('ada'), '/me'),
    )
    expect(error).toMatchObject({ code: 'DOWN', reason })
    expect(world.tokens.received).toHaveLength(1)
  })

  it('is given up when it is silent or drips', async () => {
    for (const begin of [false, true]) {
      const grant = exchange({ timeoutSeconds: 0.3 })
      world.tokens.answer = (_request, res) => {
        if (begin) res.writeHead(200, { 'content-type': 'application/json' }).write('{')
      }
      const error = await refusalOf(
        world.create({ grant }).ledger.fetch(await world.as('ada'), '/me'),
      )
      expect(error).toMatchObject({ code: 'DOWN', reason: 'token_endpoint_timeout' })
    }
  })

  it.each([429, 500, 502, 503])('is asked again when it is busy: %i', async (status) => {
    let left = 2
    world.tokens.answer = (request, res) => {
      left -= 1
      if (left < 0) return issueToken(request, res)
      return json(res, status, { error: 'temporarily_unavailable' }, { 'retry-after': '0' })
    }
    await requestsOf({ grant: exchange() })
    expect(world.tokens.received).toHaveLength(3)
  })

  it('says when to come back, where that is too late for this call', async () => {
    world.tokens.answer = (_request, res) =>
      json(res, 503, { error: 'temporarily_unavailable' }, { 'retry-after': '120' })
    const error = await refusalOf(
      world.create({ grant: exchange() }).ledger.fetch(await world.as('ada'), '/me'),
    )
    expect(error).toMatchObject({
      code: 'DOWN',
      reason: 'token_endpoint_unavailable',
      retryAfterSeconds: 120,
    })
    expect(world.tokens.received).toHaveLength(1)
  })

  it.each([
    ['invalid_grant', 'REFUSED', 'exchange_refused'],
    ['invalid_client', 'REFUSED', 'client_refused'],
    ['invalid_target', 'REFUSED', 'target_refused'],
    ['unauthorized_client', 'REFUSED', 'grant_not_allowed'],
    ['invalid_scope', 'SCOPE', 'scope_refused'],
    ['login_required', 'CONSENT', 'login_required'],
    ['insufficient_user_authentication', 'STEP_UP', 'insufficient_user_authentication'],
    ['<script>', 'REFUSED', 'exchange_refused'],
    ['__proto__', 'REFUSED', 'exchange_refused'],
  ])('refuses in the closed list: %s', async (error, code, reason) => {
    world.tokens.answer = failWith(error)
    const refusal = await refusalOf(
      world.create({ grant: exchange() }).ledger.fetch(await world.as('ada'), '/me'),
    )
    expect(refusal).toMatchObject({ code, reason })
    expect(refusal.message).not.toContain('<')
    expect(world.tokens.received).toHaveLength(1)
  })
})
