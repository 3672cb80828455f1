import { createAuthenticator, direct, type Identity, issuer } from '@onbehalf/core'
import {
  type ApiOptions,
  createDownstream,
  crossAppAccess,
  entraOnBehalfOf,
  type Grant,
  tokenExchange,
} from '@onbehalf/downstream'
import { createLocalIssuer, type LocalIssuer } from '@onbehalf/testing'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { refusalOf, tenantId } from '../support/scripted.ts'
import {
  apiResource,
  json,
  type LoopbackServer,
  resource,
  secret,
  serve,
} from '../support/world.ts'

const gatewayResource = 'https://gateway.example.com/mcp'
const client = { id: 'mcp-server', method: 'client_secret_basic', secret } as const
const consented: string[] = []
const assertionsFor: string[] = []

/** Who knows the users; the authorization server of an API; and one of another company. */
let people: LocalIssuer
let theirs: LocalIssuer
let api: LoopbackServer
/** The authentication context that the API asks for. */
let demanded: string | undefined

const claimsOf = (value: string): string =>
  JSON.stringify({ access_token: { acrs: { essential: true, value } } })

beforeAll(async () => {
  const users = [
    { id: 'ada', organization: { id: 'acme' }, authenticationContexts: ['c1'] },
    { id: 'bob', organization: { id: 'globex' } },
  ]
  people = await createLocalIssuer({
    users,
    clients: [
      { id: 'web', resources: [resource, gatewayResource] },
      { id: 'gateway', secret, exchange: { from: [gatewayResource], to: [resource] } },
      {
        id: 'mcp-server',
        secret,
        exchange: { from: [resource], to: [apiResource], consented },
        assertions: assertionsFor,
      },
    ],
    resources: [
      { uri: resource, scopes: ['mcp'] },
      { uri: gatewayResource, scopes: ['gateway'] },
      { uri: apiResource, scopes: ['ledger.read'] },
    ],
  })
  theirs = await createLocalIssuer({
    users,
    clients: [{ id: 'mcp-server', secret }],
    resources: [{ uri: apiResource, scopes: ['ledger.read'] }],
    trustedIssuers: [people.issuer],
  })
  assertionsFor.push(theirs.issuer)
  api = await createApi()
})
afterAll(() => Promise.all([people.close(), theirs.close(), api.close()]))
beforeEach(() => {
  demanded = undefined
  consented.splice(0, consented.length, 'ada', 'bob')
})

/** An API that says whom its token is for, and may ask for an authentication context. */
function createApi(): Promise<LoopbackServer> {
  const authenticator = createAuthenticator({
    resource: apiResource,
    sources: [people, theirs].map(({ issuer: iss }) =>
      direct({ issuer: issuer({ iss, audience: apiResource, kind: 'by-client' }) }),
    ),
  })
  return serve(async (req, res) => {
    const { subject, organization, actor, scopes } = await authenticator.authenticate(req)
    const { acrs } = decodeJwt(String(req.headers.authorization).slice('Bearer '.length))
    if (demanded !== undefined && !(acrs as string[] | undefined)?.includes(demanded)) {
      const asked = Buffer.from(claimsOf(demanded)).toString('base64')
      const challenge = `Bearer error="insufficient_claims", claims="${asked}"`
      return json(res, 401, {}, { 'www-authenticate': challenge })
    }
    json(res, 200, { subject, organization: organization?.id, actor, scopes })
  })
}

const grants = {
  tokenExchange: () => ({
    resource: apiResource,
    scopes: ['ledger.read'],
    grant: tokenExchange({ issuer: people.issuer, client, actorToken: { resource: apiResource } }),
  }),
  entraOnBehalfOf: () => ({
    scopes: [`${apiResource}/ledger.read`],
    grant: entraOnBehalfOf({ tenantId, authority: people.issuer, client }),
  }),
  crossAppAccess: () => ({
    resource: apiResource,
    scopes: ['ledger.read'],
    grant: crossAppAccess({
      identityProvider: { issuer: people.issuer, client },
      authorizationServer: { issuer: theirs.issuer, client },
      subjectTokenType: 'access_token',
    }),
  }),
} satisfies Record<string, () => Partial<ApiOptions> & { grant: Grant }>

const authenticator = () =>
  createAuthenticator({
    resource,
    sources: [
      direct({ issuer: issuer({ iss: people.issuer, audience: resource, kind: 'by-client' }) }),
    ],
  })

function create(options: Partial<ApiOptions> & { readonly grant: Grant }) {
  const mcp = authenticator()
  const { ledger } = createDownstream({
    authenticator: mcp,
    apis: { ledger: { baseUrl: api.url, ...options } },
  })
  const admit = (token: string): Promise<Identity> =>
    mcp.authenticate({ headers: { authorization: `Bearer ${token}` } })
  const signIn = async (user: string): Promise<Identity> =>
    admit((await people.signIn({ user, client: 'web', resource })).accessToken)
  return { ledger, admit, signIn }
}

describe.each([
  ['token exchange', grants.tokenExchange, { subject: 'mcp-server' }],
  // Neither flow has a claim that names this server.
  ['the on-behalf-of flow of Entra', grants.entraOnBehalfOf, undefined],
  ['cross-app access', grants.crossAppAccess, undefined],
] as const)('%s at a local issuer', (_what, options, actor) => {
  it('gives the API a token of each user', async () => {
    const { ledger, signIn } = create(options())
    for (const [subject, organization] of [
      ['ada', 'acme'],
      ['bob', 'globex'],
    ] as const) {
      const answer = await ledger.fetch(await signIn(subject), '/me')
      expect(await answer.json()).toEqual({
        subject,
        organization,
        scopes: ['ledger.read'],
        ...(actor && { actor }),
      })
    }
  })

  it('refuses scopes and APIs that this server may not have', async () => {
    const { scopes, ...rest } = options()
    const more = scopes.map((scope) => scope.replace('read', 'write'))
    const wide = create({ ...rest, scopes: more })
    const error = await refusalOf(wide.ledger.fetch(await wide.signIn('ada'), '/me'))
    expect(error).toMatchObject({ code: 'SCOPE', reason: 'scope_refused' })
  })
})

describe('token exchange at a local issuer', () => {
  it('keeps the gateway in the chain of actors', async () => {
    const { ledger, admit } = create(grants.tokenExchange())
    const first = await people.signIn({ user: 'ada', client: 'web', resource: gatewayResource })
    const { accessToken: subjectToken } = first
    const forwarded = await people.exchange({ client: 'gateway', subjectToken, resource })
    const answer = await ledger.fetch(await admit(forwarded.accessToken), '/me')
    expect(await answer.json()).toMatchObject({
      subject: 'ada',
      actor: { subject: 'mcp-server', actor: { subject: 'gateway' } },
    })
  })

  it('says who has not consented', async () => {
    const { ledger, signIn } = create(grants.tokenExchange())
    consented.splice(0, consented.length, 'bob')
    const error = await refusalOf(ledger.fetch(await signIn('ada'), '/me'))
    expect(error).toMatchObject({ code: 'CONSENT', reason: 'consent_required' })
    expect((await ledger.fetch(await signIn('bob'), '/me')).status).toBe(200)
  })
})

describe('the on-behalf-of flow at a local issuer', () => {
  it('says who has not consented', async () => {
    const { ledger, signIn } = create(grants.entraOnBehalfOf())
    consented.length = 0
    const error = await refusalOf(ledger.fetch(await signIn('ada'), '/me'))
    expect(error).toMatchObject({ code: 'CONSENT', reason: 'consent_required' })
  })

  it('meets the claims challenge of an API', async () => {
    const { ledger, signIn } = create(grants.entraOnBehalfOf())
    const ada = await signIn('ada')
    expect((await ledger.fetch(ada, '/me')).status).toBe(200)
    demanded = 'c1'
    expect((await ledger.fetch(ada, '/me')).status).toBe(200)
    expect((await ledger.fetch(ada, '/me')).status).toBe(200)
  })

  it('says who has to sign in for a claims challenge', async () => {
    const { ledger, signIn } = create(grants.entraOnBehalfOf())
    demanded = 'c1'
    const error = await refusalOf(ledger.fetch(await signIn('bob'), '/me'))
    expect(error).toMatchObject({ code: 'CONSENT', reason: 'interaction_required' })
  })
})

describe('an identity assertion of a local issuer', () => {
  it('is made for the authorization servers that this client may call', async () => {
    assertionsFor.length = 0
    const { ledger, signIn } = create(grants.crossAppAccess())
    const error = await refusalOf(ledger.fetch(await signIn('ada'), '/me'))
    assertionsFor.push(theirs.issuer)
    expect(error).toMatchObject({ code: 'REFUSED', reason: 'target_refused' })
  })

  it('is refused by an authorization server that trusts another issuer', async () => {
    const grant = crossAppAccess({
      identityProvider: { issuer: theirs.issuer, client },
      authorizationServer: { issuer: people.issuer, client },
      subjectTokenType: 'access_token',
    })
    const { ledger, signIn } = create({ ...grants.crossAppAccess(), grant })
    const error = await refusalOf(ledger.fetch(await signIn('ada'), '/me'))
    expect(error.code).toBe('REFUSED')
  })
})
