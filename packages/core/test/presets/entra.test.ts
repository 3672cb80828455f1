import type { Claims, Issuer } from '@onbehalf/core'
import { type EntraOptions, entra } from '@onbehalf/core/issuers'
import { beforeAll, describe, expect, it } from 'vitest'
import { addressesOf, type ProviderTokens, providerTokens } from '../support/preset-tokens.ts'
import { now } from '../support/world.ts'

const guid =
  "tenantId must be the GUID of one directory in lower case, for example '0b9d4f0a-1b2c-4c57-9a55-6c9d3c1a4c57'"
const tenant = '11111111-2222-3333-4444-555555555555'
const otherTenant = '99999999-2222-3333-4444-555555555555'
const api = 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb'
const app = 'cccccccc-0000-1111-2222-dddddddddddd'
const oid = '0b1c2d3e-0000-1111-2222-333344445555'
const v2 = `https://login.microsoftonline.com/${tenant}/v2.0`
const v1 = `https://sts.windows.net/${tenant}/`

let tokens: ProviderTokens
beforeAll(async () => {
  tokens = await providerTokens({ typ: 'JWT', x5t: 'aBcD' })
})

const expectReason: ProviderTokens['expectReason'] = (...input) => tokens.expectReason(...input)

const preset = (options: Partial<EntraOptions> = {}): Issuer =>
  entra({ tenantId: tenant, audience: [api, 'api://agents'], keys: tokens.keys, ...options })

/** Delegated access token, v2.0. */
const person = (claims: Claims = {}): Claims => ({
  aud: api,
  iss: v2,
  iat: now - 60,
  nbf: now - 60,
  exp: now + 4000,
  aio: 'AVQAq/8TAAAA',
  azp: app,
  azpacr: '1',
  name: 'Jane Doe',
  oid,
  preferred_username: 'jane@acme.example',
  rh: '0.AX8A',
  scp: 'Notes.Read Notes.Write',
  sub: 'pairwise-subject-of-this-app',
  tid: tenant,
  uti: 'uti-1',
  ver: '2.0',
  ...claims,
})

/** Delegated access token, v1.0. */
const personV1 = (claims: Claims = {}): Claims => {
  const { azp: _azp, azpacr: _acr, preferred_username: _name, ...shared } = person()
  return {
    ...shared,
    aud: 'api://agents',
    iss: v1,
    acr: '1',
    amr: ['pwd'],
    appid: app,
    appidacr: '1',
    unique_name: 'jane@acme.example',
    upn: 'jane@acme.example',
    ver: '1.0',
    ...claims,
  }
}

/** Application token: no person, and its object is its subject. */
const machine = (claims: Claims = {}): Claims => ({
  aud: api,
  iss: v2,
  iat: now - 60,
  nbf: now - 60,
  exp: now + 4000,
  azp: app,
  azpacr: '1',
  oid: 'eeeeeeee-0000-1111-2222-ffffffffffff',
  sub: 'eeeeeeee-0000-1111-2222-ffffffffffff',
  roles: ['Notes.Read.All'],
  tid: tenant,
  ver: '2.0',
  ...claims,
})

/** ID token for the API's own client, without the nonce that the code flow may leave out. */
const idToken = (claims: Claims = {}): Claims => ({
  aud: api,
  iss: v2,
  iat: now - 60,
  nbf: now - 60,
  exp: now + 4000,
  name: 'Jane Doe',
  oid,
  preferred_username: 'jane@acme.example',
  sub: 'pairwise-subject-of-this-app',
  tid: tenant,
  ver: '2.0',
  ...claims,
})

describe('entra', () => {
  it.each([
    ['v2.0', () => person()],
    ['v1.0', () => personV1()],
  ])('reads the access token of a person, %s', async (_, claims) => {
    expect(await tokens.read(preset(), claims())).toMatchObject({
      kind: 'user',
      issuer: v2,
      subject: oid,
      client: app,
      organization: { id: tenant, roles: [] },
      scopes: ['Notes.Read', 'Notes.Write'],
      roles: [],
    })
  })

  it('reads app roles of a person as roles in the tenant', async () => {
    expect(await tokens.read(preset(), person({ roles: ['Controller'] }))).toMatchObject({
      kind: 'user',
      roles: ['Controller'],
      organization: { id: tenant, roles: ['Controller'] },
    })
  })

  it.each([
    ['an application', {}],
    ['an application that says so', { idtyp: 'app' }],
    ['an application that says so, of another shape', { idtyp: 'app', sub: 'other' }],
    ['an autonomous agent', { idtyp: 'app', xms_sub_fct: '11', xms_act_fct: '11' }],
  ])('reads the token of a machine: %s', async (_, claims) => {
    expect(await tokens.read(preset(), machine(claims))).toMatchObject({
      kind: 'service',
      client: app,
      scopes: [],
      roles: ['Notes.Read.All'],
    })
  })

  it.each(['13', '3 13', '13 3 9', 13, ['13'], [3, 13]])(
    "does not take an agent's own user account for a person: %j",
    async (xms_sub_fct) => {
      const claims = person({ idtyp: 'user', xms_sub_fct })
      expect((await tokens.read(preset(), claims)).kind).toBe('service')
    },
  )

  it.each(['1', '113', '3', '31 130', undefined])(
    'takes other facets for a person: %j',
    async (xms_sub_fct) => {
      const claims = person({ idtyp: 'user', xms_sub_fct, xms_act_fct: '11 13' })
      expect((await tokens.read(preset(), claims)).kind).toBe('user')
    },
  )

  it.each([
    ['kind_unknown', () => idToken()],
    ['token_type', () => idToken({ nonce: 'n' })],
    ['kind_unknown', () => person({ scp: undefined })],
    ['kind_unknown', () => person({ scp: '' })],
    ['kind_unknown', () => person({ scp: ['Notes.Read'] })],
    ['subject', () => person({ oid: undefined })],
    ['audience', () => person({ aud: '00000003-0000-0000-c000-000000000000' })],
    ['required_claim', () => person({ tid: otherTenant })],
    ['required_claim', () => person({ tid: undefined })],
    ['issuer_unknown', () => person({ iss: v2.replace(tenant, otherTenant) })],
    ['issuer_unknown', () => person({ iss: v2.replace(tenant, 'common') })],
    ['issuer_unknown', () => person({ iss: v2.replace(tenant, '{tenantid}') })],
    ['issuer_unknown', () => personV1({ iss: v1.slice(0, -1) })],
  ])('refuses (%s) what is not an access token for this API and tenant, %#', (reason, claims) =>
    expectReason(reason, preset(), claims()),
  )

  it('accepts the clients that it is given, by azp and appid', async () => {
    const issuer = preset({ clients: app })
    expect(await tokens.read(issuer, person())).toMatchObject({ client: app })
    expect(await tokens.read(issuer, personV1())).toMatchObject({ client: app })
    await expectReason('client', issuer, person({ azp: 'other' }))
    await expectReason('client', issuer, personV1({ appid: 'other' }))
  })

  it('asks the tenant for its keys', async () => {
    const make = (options: object): Issuer => entra({ tenantId: tenant, audience: api, ...options })
    expect(await addressesOf(make)).toEqual([
      `https://login.microsoftonline.com/${tenant}/discovery/v2.0/keys`,
    ])
  })

  it.each([
    ['us-gov', `https://login.microsoftonline.us/${tenant}`],
    ['china', `https://login.partner.microsoftonline.cn/${tenant}`],
    ['external-id', `https://${tenant}.ciamlogin.com/${tenant}`],
  ] as const)('reads tokens of the cloud %s and asks it for its keys', async (cloud, authority) => {
    const issuer = preset({ cloud })
    expect(await tokens.read(issuer, person({ iss: `${authority}/v2.0` }))).toMatchObject({
      issuer: `${authority}/v2.0`,
      subject: oid,
      organization: { id: tenant },
    })
    await expectReason('issuer_unknown', issuer, person())
    const make = (options: object): Issuer =>
      entra({ tenantId: tenant, audience: api, cloud, ...options })
    expect(await addressesOf(make)).toEqual([`${authority}/discovery/v2.0/keys`])
  })

  it('has v1.0 tokens in the clouds that issue them', () => {
    expect(preset({ cloud: 'us-gov' }).issuers).toContain(v1)
    expect(preset({ cloud: 'china' }).issuers).toContain(`https://sts.chinacloudapi.cn/${tenant}/`)
    expect(preset({ cloud: 'external-id' }).issuers).toHaveLength(1)
  })

  it.each([
    [{ tenantId: 'common' }, guid],
    [{ tenantId: 'organizations' }, guid],
    [{ tenantId: 'acme.onmicrosoft.com' }, guid],
    [{ tenantId: tenant.toUpperCase().replaceAll('1', 'A') }, guid],
    [{ tenantId: undefined }, guid],
    [{ cloud: 'germany' }, "cloud must be 'global', 'us-gov', 'china' or 'external-id'"],
    [{ audience: undefined }, 'audience is required'],
  ])('must not have the options %j', (options, message) => {
    expect(() => preset(options as never)).toThrow(new TypeError(message))
  })
})
