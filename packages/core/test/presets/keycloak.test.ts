import type { Claims, Issuer } from '@onbehalf/core'
import { type KeycloakOptions, keycloak } from '@onbehalf/core/issuers'
import { beforeAll, describe, expect, it } from 'vitest'
import { addressesOf, type ProviderTokens, providerTokens } from '../support/preset-tokens.ts'
import { now, resource } from '../support/world.ts'

const iss = 'https://id.example.com/realms/staff'

const realmName = "realm must be the realm's name as it is in its URLs, for example 'agents'"
const serverUrl = "url must be the server's URL without query, for example 'https://id.example.com'"

let tokens: ProviderTokens
beforeAll(async () => {
  tokens = await providerTokens({ typ: 'JWT' })
})

const expectReason: ProviderTokens['expectReason'] = (...input) => tokens.expectReason(...input)

const preset = (options: Partial<KeycloakOptions> = {}): Issuer =>
  keycloak({
    url: 'https://id.example.com',
    realm: 'staff',
    audience: resource,
    keys: tokens.keys,
    ...options,
  })

/** Access token of a person. */
const person = (claims: Claims = {}): Claims => ({
  exp: now + 300,
  iat: now - 60,
  auth_time: now - 60,
  jti: 'onrtac:2b1f9c',
  iss,
  aud: [resource, 'account'],
  sub: '5b0cbdb9-3e44-4b34-a1b9-5f1b3f1b2c3d',
  typ: 'Bearer',
  azp: 'web',
  sid: 'session-1',
  acr: '1',
  'allowed-origins': ['https://app.example.com'],
  realm_access: { roles: ['offline_access', 'controller'] },
  resource_access: { web: { roles: ['editor'] }, account: { roles: ['manage-account'] } },
  scope: 'openid profile notes:read',
  email_verified: true,
  name: 'Jane Doe',
  preferred_username: 'jane',
  email: 'jane@acme.example',
  ...claims,
})

/** Access token of a service account. */
const machine = (claims: Claims = {}): Claims => ({
  exp: now + 300,
  iat: now - 60,
  jti: 'trrtcc:2b1f9c',
  iss,
  aud: resource,
  sub: '8c1d2e3f-3e44-4b34-a1b9-5f1b3f1b2c3d',
  typ: 'Bearer',
  azp: 'gateway',
  acr: '1',
  realm_access: { roles: ['default-roles-staff'] },
  scope: 'profile',
  clientHost: '192.0.2.7',
  clientAddress: '192.0.2.7',
  client_id: 'gateway',
  email_verified: false,
  preferred_username: 'service-account-gateway',
  ...claims,
})

describe('keycloak', () => {
  it('reads the access token of a person', async () => {
    expect(await tokens.read(preset(), person())).toMatchObject({
      kind: 'user',
      issuer: iss,
      subject: '5b0cbdb9-3e44-4b34-a1b9-5f1b3f1b2c3d',
      client: 'web',
      scopes: ['openid', 'profile', 'notes:read'],
      roles: ['offline_access', 'controller'],
      organizations: [],
    })
  })

  it('reads the access token of a service account', async () => {
    expect(await tokens.read(preset(), machine())).toMatchObject({
      kind: 'service',
      subject: '8c1d2e3f-3e44-4b34-a1b9-5f1b3f1b2c3d',
      client: 'gateway',
    })
  })

  it.each<[string, Claims]>([
    ['in another case', { azp: 'Gateway', client_id: 'Gateway' }],
    ['with no other mark', { clientHost: undefined, clientAddress: undefined }],
    ['whose subject is its client', { sub: 'gateway', preferred_username: undefined }],
  ])('knows the service account of the client: %s', async (_, claims) => {
    expect((await tokens.read(preset(), machine(claims))).kind).toBe('service')
  })

  it.each<[string, () => Claims]>([
    ['the name of an account', () => person({ preferred_username: 'service-account-x' })],
    ['the name of another account', () => machine({ preferred_username: 'service-account-other' })],
    [
      'the name of the account of the client that they sign in with',
      () => person({ azp: 'gateway', preferred_username: 'service-account-gateway' }),
    ],
    [
      'that name, from a client whose tokens all say client_id',
      () =>
        person({
          azp: 'gateway',
          client_id: 'gateway',
          preferred_username: 'service-account-gateway',
        }),
    ],
    [
      'that name, without a session',
      () =>
        person({
          azp: 'gateway',
          sid: undefined,
          auth_time: undefined,
          preferred_username: 'service-account-gateway',
        }),
    ],
    ['that name, with a blank', () => machine({ preferred_username: 'service-account-gateway ' })],
    ['the prefix alone', () => person({ preferred_username: 'service-account-' })],
    ['another case', () => person({ preferred_username: 'Service-Account-gateway' })],
    [
      'the name of a user, and the marks of a service',
      () => machine({ preferred_username: 'ada' }),
    ],
  ])('takes nobody for a user or a service by a name that may be chosen: %s', (_, claims) =>
    expectReason('kind_unknown', preset(), claims()),
  )

  it('refuses a token that does not tell a person from a service account', async () => {
    for (const claims of [person, machine]) {
      await expectReason('kind_unknown', preset(), claims({ preferred_username: undefined }))
    }
    const told = preset({ kind: 'user' })
    const claims = person({ preferred_username: undefined })
    expect((await tokens.read(told, claims)).kind).toBe('user')
  })

  const roles = ['offline_access', 'controller']

  it.each([
    [
      'an alias with its id',
      { organization: { acme: { id: 'o-1' } } },
      { id: 'o-1', name: 'acme', roles },
    ],
    [
      'an alias with attributes',
      { organization: { acme: { id: 'o-1', tier: ['gold'] } } },
      { id: 'o-1', name: 'acme', roles },
    ],
    ['an alias', { organization: { acme: {} } }, { id: 'acme', name: 'acme', roles }],
    ['a list of aliases', { organization: ['acme'] }, { id: 'acme', roles }],
    [
      'the active one',
      { active_organization: { id: 'o-1', name: 'Acme', role: ['owner'] } },
      { id: 'o-1', name: 'Acme', roles: ['owner'] },
    ],
    [
      'the active one among others',
      {
        active_organization: { id: 'o-1', name: 'Acme', role: [] },
        organization: { acme: {}, beta: {} },
      },
      { id: 'o-1', name: 'Acme', roles: [] },
    ],
  ])('reads the organization from %s', async (_, claims, organization) => {
    expect((await tokens.read(preset(), person(claims))).organization).toEqual(organization)
  })

  it.each([[{ acme: { id: 'o-1' }, beta: { id: 'o-2' } }], [['acme', 'beta']]])(
    'never takes the first of several organizations: %j',
    async (organization) => {
      const identity = await tokens.read(preset(), person({ organization }))
      expect('organization' in identity).toBe(false)
      expect(identity.organizations).toHaveLength(2)
    },
  )

  const id = '42c3e46f-2477-44d7-a85b-d3b43f6b31fa'

  it.each([
    ['an id as alias', { [id]: {} }],
    ['an id as alias, with nothing', { [id]: null }],
    ['an id as alias, in upper case', { [id.toUpperCase()]: {} }],
    ['an id as alias, in a list', [id]],
    ['an id as alias, alone', id],
    ['an id as alias, among others', { acme: {}, [id]: {} }],
    ['an id that is a list, as attributes are', { acme: { id: [id] } }],
    ['text in place of attributes', { acme: id }],
  ])('drops an organization claim with %s', async (_, organization) => {
    const identity = await tokens.read(preset(), person({ organization }))
    expect(identity.organizations).toEqual([])
  })

  it('takes neither roles nor a name from attributes of an organization', async () => {
    const organization = { acme: { id, roles: ['admin'], name: 'Globex' } }
    const identity = await tokens.read(preset(), person({ organization }))
    expect(identity.organization).toEqual({ id, name: 'acme', roles })
  })

  it("reads a client's roles where it is configured", async () => {
    const issuer = preset({ claimMap: { roles: ['resource_access', 'web', 'roles'] } })
    expect((await tokens.read(issuer, person())).roles).toEqual(['editor'])
  })

  it.each([
    ['required_claim', () => person({ typ: 'ID' })],
    ['required_claim', () => person({ typ: 'Refresh' })],
    ['required_claim', () => person({ typ: 'Offline' })],
    ['required_claim', () => person({ typ: 'Logout' })],
    ['sender_constrained', () => person({ typ: 'DPoP' })],
    ['required_claim', () => person({ typ: undefined })],
    ['token_type', () => person({ nonce: 'n' })],
    ['token_type', () => person({ at_hash: 'x' })],
    ['audience', () => person({ aud: 'account' })],
    ['client_ambiguous', () => machine({ client_id: 'other' })],
    ['issuer_unknown', () => person({ iss: 'https://id.example.com/realms/other' })],
    ['issuer_unknown', () => person({ iss: 'https://id.example.com/realms/staff/' })],
    ['issuer_unknown', () => person({ iss: 'https://id.example.com/auth/realms/staff' })],
  ])('refuses (%s) what is not an access token for this server, %#', (reason, claims) =>
    expectReason(reason, preset(), claims()),
  )

  it.each([
    ['https://id.example.com', 'https://id.example.com'],
    ['https://id.example.com/', 'https://id.example.com'],
    ['https://id.example.com/auth', 'https://id.example.com/auth'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['https://id.example.com:443', 'https://id.example.com:443'],
    ['https://id.example.com:443/auth/', 'https://id.example.com:443/auth'],
    ['https://ID.Example.com', 'https://ID.Example.com'],
  ])('asks the realm at %s for its keys', async (url, base) => {
    const make = (options: object): Issuer =>
      keycloak({ url, realm: 'staff', audience: resource, ...options })
    expect(make({}).issuers).toEqual([`${base}/realms/staff`])
    const certs = new URL(`${base}/realms/staff/protocol/openid-connect/certs`)
    expect(await addressesOf(make)).toEqual([certs.href])
  })

  it('compares the issuer as it is configured, port and case included', async () => {
    const url = 'https://ID.example.com:443'
    const named = person({ iss: `${url}/realms/staff` })
    expect(await tokens.read(preset({ url }), named)).toMatchObject({ issuer: named['iss'] })
    await expectReason('issuer_unknown', preset({ url }), person())
    await expectReason('issuer_unknown', preset(), named)
  })

  it.each([
    [{ url: 'id.example.com' }, serverUrl],
    [
      { url: 'http://id.example.com' },
      'url must use https (http is for loopback and insecureHttpHosts only)',
    ],
    [{ url: undefined }, serverUrl],
    [{ url: ' https://id.example.com' }, serverUrl],
    [{ url: 'https://id.example.com?realm=x' }, serverUrl],
    [{ url: 'https:\\\\id.example.com' }, serverUrl],
    [{ realm: '../master' }, realmName],
    [{ realm: '' }, realmName],
    [{ realm: undefined }, realmName],
    [{ audience: undefined }, 'audience is required'],
  ])('must not have the options %j', (options, message) => {
    expect(() => preset(options as never)).toThrow(new TypeError(message))
  })
})
