import { type Claims, createAuthenticator, enriched, type Issuer } from '@onbehalf/core'
import { type CognitoOptions, cognito } from '@onbehalf/core/issuers'
import { beforeAll, describe, expect, it } from 'vitest'
import { addressesOf, type ProviderTokens, providerTokens } from '../support/preset-tokens.ts'
import { createSigner } from '../support/signer.ts'
import { bearer, clock, now, resource } from '../support/world.ts'

const region = "region must be a region of AWS, for example 'eu-west-1'"
const userPool =
  "userPoolId must be the id of a user pool of eu-central-1, for example 'eu-central-1_Ab12Cd34E'"
const pool = 'eu-central-1_AbCdEf123'
const original = `https://cognito-idp.eu-central-1.amazonaws.com/${pool}`
const updated = `https://issuer-cognito-idp.eu-central-1.amazonaws.com/${pool}`
const web = '5webclientid0000example'
const gateway = '7gatewayclientid00example'

let tokens: ProviderTokens
beforeAll(async () => {
  tokens = await providerTokens({ typ: undefined })
})

const expectReason: ProviderTokens['expectReason'] = (...input) => tokens.expectReason(...input)

function preset(options: Partial<CognitoOptions> = {}): Issuer {
  return cognito({
    region: 'eu-central-1',
    userPoolId: pool,
    audience: null,
    clients: [web, gateway],
    keys: tokens.keys,
    ...options,
  })
}

/** Access token of a person. */
const person = (claims: Claims = {}): Claims => ({
  sub: '0f2c7c1e-3c1a-4c57-9a55-6c9d4f0a1b2c',
  'cognito:groups': ['support'],
  iss: original,
  version: 2,
  client_id: web,
  origin_jti: 'a1f0f3f0-1111-4222-8333-444455556666',
  token_use: 'access',
  scope: 'openid crm-mcp/tools.call',
  auth_time: now - 60,
  exp: now + 3540,
  iat: now - 60,
  jti: 'b7f0f3f0-1111-4222-8333-444455556666',
  username: 'jane',
  ...claims,
})

/** ID token of the same person. */
const idToken = (claims: Claims = {}): Claims => ({
  sub: '0f2c7c1e-3c1a-4c57-9a55-6c9d4f0a1b2c',
  'cognito:groups': ['support'],
  email_verified: true,
  iss: original,
  'cognito:username': 'jane',
  'custom:tenant_id': 'acme',
  origin_jti: 'a1f0f3f0-1111-4222-8333-444455556666',
  aud: web,
  token_use: 'id',
  auth_time: now - 60,
  exp: now + 3540,
  iat: now - 60,
  jti: 'c7f0f3f0-1111-4222-8333-444455556666',
  email: 'jane@acme.example',
  ...claims,
})

/** Access token of a machine. */
const machine = (claims: Claims = {}): Claims => ({
  iss: original,
  sub: gateway,
  client_id: gateway,
  token_use: 'access',
  scope: 'crm-mcp/tools.call',
  version: 2,
  auth_time: now - 60,
  iat: now - 60,
  exp: now + 3540,
  jti: 'd7f0f3f0-1111-4222-8333-444455556666',
  ...claims,
})

describe('cognito', () => {
  it.each([original, updated])('reads the access token of a person, of %s', async (iss) => {
    expect(await tokens.read(preset(), person({ iss }))).toMatchObject({
      kind: 'user',
      issuer: original,
      subject: '0f2c7c1e-3c1a-4c57-9a55-6c9d4f0a1b2c',
      client: web,
      scopes: ['openid', 'crm-mcp/tools.call'],
      roles: ['support'],
      organizations: [],
      tokenId: 'b7f0f3f0-1111-4222-8333-444455556666',
      expiresAt: now + 3540,
    })
  })

  it('reads the access token of a machine', async () => {
    expect(await tokens.read(preset(), machine())).toMatchObject({
      kind: 'service',
      subject: gateway,
      client: gateway,
      roles: [],
    })
  })

  it.each([
    [{ org_id: 'acme' }, 'acme'],
    [{ 'custom:tenant_id': 'acme' }, 'acme'],
    [{ 'custom:tenant_id': 'acme', org_id: 'other' }, 'acme'],
  ])('reads the organization that a trigger added: %j', async (claims, id) => {
    expect((await tokens.read(preset(), person(claims))).organization).toEqual({
      id,
      roles: ['support'],
    })
  })

  it('does not take a machine for a person, whatever a trigger added', async () => {
    const claims = machine({ username: 'jane', 'cognito:groups': ['admin'] })
    expect((await tokens.read(preset(), claims)).kind).toBe('service')
  })

  it.each([
    ['token_type', () => idToken()],
    ['token_type', () => idToken({ client_id: web })],
    ['token_type', () => person({ token_use: 'refresh' })],
    ['required_claim', () => person({ token_use: undefined })],
    ['client', () => person({ client_id: 'other' })],
    ['client', () => person({ client_id: undefined, aud: web })],
    ['kind_unknown', () => person({ username: undefined })],
    ['kind_unknown', () => person({ username: '' })],
    ['issuer_unknown', () => person({ iss: `${original}/` })],
    ['issuer_unknown', () => person({ iss: original.replace('AbCdEf123', 'Other') })],
    ['issuer_unknown', () => person({ iss: original.replace('eu-central-1.', 'us-east-1.') })],
    ['expired', () => person({ exp: now - 60 })],
  ])('refuses (%s) what is not an access token for this pool and client, %#', (reason, claims) =>
    expectReason(reason, preset(), claims()),
  )

  it('checks an audience where a trigger adds one', async () => {
    const issuer = preset({ audience: web })
    expect(await tokens.read(issuer, person({ aud: web }))).toMatchObject({ kind: 'user' })
    await expectReason('audience_missing', issuer, person())
  })

  it('asks each issuer name for the keys below it', async () => {
    const make = (options: object): Issuer =>
      cognito({
        region: 'eu-central-1',
        userPoolId: pool,
        audience: null,
        clients: web,
        ...options,
      })
    expect(await addressesOf(make)).toEqual([`${original}/.well-known/jwks.json`])
    const asked: string[] = []
    const fetch = async (...[input]: Parameters<typeof globalThis.fetch>): Promise<Response> => {
      asked.push(new Request(input).url)
      return new Response('', { status: 503 })
    }
    const sources = [enriched({ issuer: make({ fetch }), userClaim: 'onBehalfOf' })]
    const token = await (await createSigner('k1', 'RS256')).sign(
      machine({ iss: updated, client_id: web, sub: web }),
      { typ: undefined },
    )
    const attempt = createAuthenticator({ resource, clock, sources }).authenticate(bearer(token))
    await expect(attempt).rejects.toMatchObject({ code: 'DOWN' })
    expect(asked).toEqual([`${updated}/.well-known/jwks.json`])
  })
})

describe('a machine token of cognito with a person in it', () => {
  const onBehalfOf = {
    sub: '0f2c7c1e-3c1a-4c57-9a55-6c9d4f0a1b2c',
    username: 'jane',
    groups: ['support'],
  }

  it('is an identity of the user', async () => {
    const signer = await createSigner('k1', 'RS256')
    const issuer = preset({ clients: gateway, keys: { jwks: signer.jwks } })
    const sources = [enriched({ issuer, userClaim: 'onBehalfOf' })]
    const claims = machine({ onBehalfOf, callerApp: 'support-chat', org_id: 'acme' })
    const token = await signer.sign(claims, { typ: undefined })
    const authenticator = createAuthenticator({ resource, clock, sources })
    expect(await authenticator.authenticate(bearer(token))).toMatchObject({
      kind: 'user',
      issuer: original,
      subject: '0f2c7c1e-3c1a-4c57-9a55-6c9d4f0a1b2c',
      organization: { id: 'acme', roles: ['support'] },
      client: gateway,
      gateway: { issuer: original, client: gateway },
      scopes: ['crm-mcp/tools.call'],
      claims: onBehalfOf,
    })
  })
})

describe('a pool that is replicated to another region', () => {
  const replica = original.replace('eu-central-1.', 'us-west-2.')

  it('has tokens of both regions when the replica is named', async () => {
    const issuer = preset({ replicaRegions: 'us-west-2' })
    expect(await tokens.read(issuer, person({ iss: replica }))).toMatchObject({ kind: 'user' })
    expect(await tokens.read(issuer, person())).toMatchObject({ issuer: original })
    await expectReason('issuer_unknown', preset(), person({ iss: replica }))
  })
})

describe('the options of cognito', () => {
  it.each([
    [{ region: '' }, region],
    [{ region: 'eu-central-1.evil.example/' }, region],
    [{ region: undefined }, region],
    [{ userPoolId: 'eu-central-1_../x' }, userPool],
    [{ userPoolId: 'AbCdEf123' }, userPool],
    [{ userPoolId: undefined }, userPool],
    [{ userPoolId: 'us-east-1_AbCdEf123' }, userPool],
    [{ replicaRegions: ['us-east'] }, region.replace('region', 'replicaRegions')],
    [{ audience: undefined }, 'audience is required'],
    [{ clients: undefined }, 'audience: null needs clients, or any token of the issuer would do'],
  ])('must not be %j', (options, message) => {
    expect(() => preset(options as never)).toThrow(new TypeError(message))
  })

  it.each([
    ['ap-southeast-2', 'amazonaws.com'],
    ['us-gov-west-1', 'amazonaws.com'],
    ['cn-north-1', 'amazonaws.com.cn'],
    ['eusc-de-east-1', 'amazonaws.eu'],
    ['us-iso-east-1', 'c2s.ic.gov'],
    ['us-isob-east-1', 'sc2s.sgov.gov'],
  ])('may name the region %s, of the partition with the domain %s', (region, domain) => {
    const { issuers } = preset({ region, userPoolId: `${region}_AbC` })
    expect(issuers).toEqual([
      `https://cognito-idp.${region}.${domain}/${region}_AbC`,
      `https://issuer-cognito-idp.${region}.${domain}/${region}_AbC`,
    ])
  })
})
