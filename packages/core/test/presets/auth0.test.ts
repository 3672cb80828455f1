import type { Claims, Issuer } from '@onbehalf/core'
import { type Auth0Options, auth0 } from '@onbehalf/core/issuers'
import { beforeAll, describe, expect, it } from 'vitest'
import { addressesOf, type ProviderTokens, providerTokens } from '../support/preset-tokens.ts'
import { now, resource } from '../support/world.ts'

const domain =
  "domain must be a host name in lower case without scheme, port or path, for example 'acme.eu.auth0.com'"

const iss = 'https://acme.eu.auth0.com/'
const client = 'AbCdEfGhIjKlMnOp'

let tokens: ProviderTokens
let profile: ProviderTokens
beforeAll(async () => {
  tokens = await providerTokens({ typ: 'JWT' })
  profile = await providerTokens({ typ: 'at+jwt' })
})

const expectReason: ProviderTokens['expectReason'] = (...input) => tokens.expectReason(...input)

const preset = (options: Partial<Auth0Options> = {}): Issuer =>
  auth0({ domain: 'acme.eu.auth0.com', audience: resource, keys: tokens.keys, ...options })

/** Access token of a person. */
const person = (claims: Claims = {}): Claims => ({
  iss,
  sub: 'auth0|5f7c8ec7c33c6c004bbafe82',
  aud: [resource, 'https://acme.eu.auth0.com/userinfo'],
  iat: now - 60,
  exp: now + 7000,
  azp: client,
  scope: 'openid profile notes:read',
  org_id: 'org_9ybsU1dN2dKfDkBi',
  org_name: 'acme',
  permissions: ['notes:read'],
  ...claims,
})

/** Access token of a machine. */
const machine = (claims: Claims = {}): Claims => ({
  iss,
  sub: `${client}@clients`,
  aud: resource,
  iat: now - 60,
  exp: now + 7000,
  azp: client,
  gty: 'client-credentials',
  scope: 'notes:read',
  ...claims,
})

/** ID token of the person, for the client. */
const idToken = (claims: Claims = {}): Claims => ({
  nickname: 'jane',
  name: 'Jane Doe',
  updated_at: '2026-11-23T00:00:00.000Z',
  email: 'jane@acme.example',
  email_verified: true,
  iss,
  aud: client,
  sub: 'auth0|5f7c8ec7c33c6c004bbafe82',
  iat: now - 60,
  exp: now + 7000,
  sid: 'session-1',
  nonce: 'n-1',
  ...claims,
})

describe('auth0', () => {
  const organization = { id: 'org_9ybsU1dN2dKfDkBi', name: 'acme', roles: [] }

  it('reads the access token of a person', async () => {
    expect(await tokens.read(preset(), person())).toMatchObject({
      kind: 'user',
      issuer: iss,
      subject: 'auth0|5f7c8ec7c33c6c004bbafe82',
      client,
      organization,
      scopes: ['openid', 'profile', 'notes:read'],
      roles: [],
    })
  })

  it('reads the access token of a person in the profile of RFC 9068', async () => {
    const claims = person({ azp: undefined, client_id: client, jti: 'id-1' })
    expect(await profile.read(preset({ keys: profile.keys }), claims)).toMatchObject({
      client,
      tokenId: 'id-1',
      organization,
    })
  })

  it.each([
    ['as documented', {}],
    ['without gty', { gty: undefined }],
    ['without the suffix', { sub: 'service-1' }],
  ])('reads the access token of a machine, %s', async (_, claims) => {
    expect(await tokens.read(preset(), machine(claims))).toMatchObject({ kind: 'service', client })
  })

  it.each([
    'samlp|customer|me@clients',
    'auth0|me@clients',
    `ad|acme|${'someone'}@clients`,
    `oauth2|${client}@clients`,
  ])('takes %s for a user, whatever their connection calls them', async (sub) => {
    expect((await tokens.read(preset(), person({ sub }))).kind).toBe('user')
  })

  it.each<[string, () => Claims]>([
    ['the subject of another client', () => machine({ sub: 'other@clients', gty: undefined })],
    ['the subject of a client without a client', () => machine({ azp: undefined, gty: undefined })],
    ['the subject of a user and the grant of a client', () => machine({ sub: 'auth0|5f7c' })],
  ])('refuses a token that is neither a user nor a service: %s', (_, claims) =>
    expectReason('kind_unknown', preset(), claims()),
  )

  it('reads roles from the namespaced claim that it is given', async () => {
    const roles = 'https://acme.example/roles'
    const issuer = preset({ claimMap: { roles } })
    expect(await tokens.read(issuer, person({ [roles]: ['controller'] }))).toMatchObject({
      roles: ['controller'],
      organization: { ...organization, roles: ['controller'] },
    })
  })

  it('reads who exchanged the token on behalf of the person', async () => {
    const act = { sub: client }
    expect((await tokens.read(preset(), person({ act }))).actor).toEqual({ subject: client })
  })

  it.each([
    ['token_type', () => idToken()],
    ['audience', () => idToken({ nonce: undefined })],
    ['audience', () => person({ aud: 'https://acme.eu.auth0.com/userinfo' })],
    ['client_ambiguous', () => person({ client_id: 'other' })],
    ['issuer_unknown', () => person({ iss: iss.slice(0, -1) })],
    ['issuer_unknown', () => person({ iss: 'https://other.eu.auth0.com/' })],
  ])('refuses (%s) what is not an access token for this server, %#', (reason, claims) =>
    expectReason(reason, preset(), claims()),
  )

  it('asks the tenant for its keys', async () => {
    const make = (options: object): Issuer =>
      auth0({ domain: 'login.acme.example', audience: resource, ...options })
    expect(make({}).issuers).toEqual(['https://login.acme.example/'])
    expect(await addressesOf(make)).toEqual(['https://login.acme.example/.well-known/jwks.json'])
  })

  it.each([
    [{ domain: 'https://acme.eu.auth0.com/' }, domain],
    [{ domain: 'ACME.eu.auth0.com' }, domain],
    [{ domain: '' }, domain],
    [{ audience: undefined }, 'audience is required'],
    [{ algorithms: ['HS256'] }, 'algorithms must name asymmetric signature algorithms'],
  ])('must not have the options %j', (options, message) => {
    expect(() => preset(options as never)).toThrow(new TypeError(message))
  })
})
