import type { Claims, Issuer } from '@onbehalf/core'
import { type OktaOptions, okta } from '@onbehalf/core/issuers'
import { beforeAll, describe, expect, it } from 'vitest'
import { addressesOf, type ProviderTokens, providerTokens } from '../support/preset-tokens.ts'
import { now, resource } from '../support/world.ts'

const server =
  "authorizationServer must be the id of a custom authorization server, for example 'default'"
const domain =
  "domain must be a host name in lower case without scheme, port or path, for example 'acme.okta.com'"

const iss = 'https://acme.okta.com/oauth2/default'
const client = '0oa1clientid'

let tokens: ProviderTokens
beforeAll(async () => {
  tokens = await providerTokens({ typ: undefined })
})

const expectReason: ProviderTokens['expectReason'] = (...input) => tokens.expectReason(...input)

const preset = (options: Partial<OktaOptions> = {}): Issuer =>
  okta({ domain: 'acme.okta.com', audience: resource, keys: tokens.keys, ...options })

/** Access token of a person. */
const person = (claims: Claims = {}): Claims => ({
  ver: 1,
  jti: 'AT.1',
  iss,
  aud: resource,
  iat: now - 60,
  exp: now + 3540,
  cid: client,
  uid: '00u1userid',
  scp: ['openid', 'notes.read'],
  auth_time: now - 60,
  sub: 'jane@acme.example',
  groups: ['Everyone', 'Controllers'],
  ...claims,
})

/** Access token of a machine: no `uid`, and `sub` is the client. */
const machine = (claims: Claims = {}): Claims => ({
  ver: 1,
  jti: 'AT.2',
  iss,
  aud: resource,
  iat: now - 60,
  exp: now + 3540,
  cid: client,
  scp: ['notes.read'],
  sub: client,
  ...claims,
})

/** ID token of the person, for the client. */
const idToken = (claims: Claims = {}): Claims => ({
  sub: '00u1userid',
  name: 'Jane Doe',
  email: 'jane@acme.example',
  ver: 1,
  iss,
  aud: client,
  iat: now - 60,
  exp: now + 3540,
  jti: 'ID.1',
  amr: ['pwd'],
  idp: '00o1idp',
  preferred_username: 'jane@acme.example',
  auth_time: now - 60,
  at_hash: 'x5t',
  ...claims,
})

describe('okta', () => {
  it('reads the access token of a person', async () => {
    expect(await tokens.read(preset(), person())).toMatchObject({
      kind: 'user',
      issuer: iss,
      subject: '00u1userid',
      client,
      scopes: ['openid', 'notes.read'],
      roles: ['Everyone', 'Controllers'],
      organizations: [],
    })
  })

  it('takes sub for the subject where there is no uid', async () => {
    expect((await tokens.read(preset(), person({ uid: undefined }))).subject).toBe(
      'jane@acme.example',
    )
  })

  it('reads the access token of a machine', async () => {
    expect(await tokens.read(preset(), machine())).toMatchObject({
      kind: 'service',
      subject: client,
      client,
      scopes: ['notes.read'],
    })
  })

  it('takes no user for the client whose id they chose as their login', () =>
    expectReason('kind_unknown', preset(), person({ sub: client })))

  it('reads the chain of actors of an exchange between agents', async () => {
    const act = {
      sub: 'wlp1agent',
      sub_profile: 'ai_agent web_app',
      act: { sub: '0oa2service', sub_profile: 'service' },
    }
    expect((await tokens.read(preset(), person({ act }))).actor).toEqual({
      subject: 'wlp1agent',
      actor: { subject: '0oa2service' },
    })
  })

  it('reads an organization from your own claim', async () => {
    const issuer = preset({ claimMap: { organization: 'tenant' } })
    expect((await tokens.read(issuer, person({ tenant: 'acme' }))).organization).toEqual({
      id: 'acme',
      roles: ['Everyone', 'Controllers'],
    })
  })

  it.each([
    ['token_type', () => idToken()],
    ['token_type', () => idToken({ aud: resource })],
    ['audience', () => idToken({ at_hash: undefined })],
    ['audience', () => person({ aud: 'api://default' })],
    ['issuer_unknown', () => person({ iss: 'https://acme.okta.com' })],
    ['issuer_unknown', () => person({ iss: 'https://acme.okta.com/oauth2/other' })],
    ['issuer_unknown', () => person({ iss: 'https://other.okta.com/oauth2/default' })],
    ['issuer_unknown', () => person({ iss: `${iss}/` })],
  ])('refuses (%s) what is not an access token for this server, %#', (reason, claims) =>
    expectReason(reason, preset(), claims()),
  )

  it('accepts the clients that it is given, by cid', async () => {
    const issuer = preset({ clients: client })
    expect(await tokens.read(issuer, person())).toMatchObject({ client })
    await expectReason('client', issuer, person({ cid: 'other' }))
    await expectReason('client', issuer, person({ cid: undefined, client_id: client }))
  })

  it('asks its authorization server for the keys', async () => {
    const make = (options: object): Issuer =>
      okta({
        domain: 'acme.okta.com',
        authorizationServer: 'aus1',
        audience: resource,
        ...options,
      })
    expect(make({}).issuers).toEqual(['https://acme.okta.com/oauth2/aus1'])
    expect(await addressesOf(make)).toEqual(['https://acme.okta.com/oauth2/aus1/v1/keys'])
  })

  it.each([
    [{ domain: 'https://acme.okta.com' }, domain],
    [{ domain: 'acme.okta.com/' }, domain],
    [{ domain: 'acme.okta.com@evil.example' }, domain],
    [{ domain: 'acme' }, domain],
    [{ domain: undefined }, domain],
    [{ authorizationServer: 'a/b' }, server],
    [{ authorizationServer: '' }, server],
    [{ audience: null }, 'audience: null needs clients, or any token of the issuer would do'],
    [{ audience: undefined }, 'audience is required'],
  ])('must not have the options %j', (options, message) => {
    expect(() => preset(options as never)).toThrow(new TypeError(message))
  })
})
