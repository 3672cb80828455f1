import {
  type Claims,
  createAuthenticator,
  direct,
  enriched,
  forwarded,
  type IdentityError,
  type Source,
} from '@onbehalf/core'
import { entra, keycloak, okta } from '@onbehalf/core/issuers'
import { describe, expect, it } from 'vitest'
import { createSigner } from '../support/signer.ts'
import { bearer, clock, createGateway, createPeople, now, resource } from '../support/world.ts'

const people = await createPeople()
const gateway = await createGateway()
const organizations = { claimMap: { organization: 'orgs' } } as const

async function verdict(source: Source, request: object): Promise<string> {
  const authenticator = createAuthenticator({ resource, clock, sources: [source] })
  return authenticator
    .authenticate(request as Parameters<typeof authenticator.authenticate>[0])
    .then(
      ({ kind, organizations: all }) => [kind, ...all.map(({ id }) => id)].join(' '),
      ({ reason }: IdentityError) => reason,
    )
}

describe('claims next to those that are understood', () => {
  const rows: readonly (readonly [string, Claims, string])[] = [
    ['cnf as a list', { cnf: [] }, 'sender_constrained'],
    ['cnf as text', { cnf: 'x' }, 'sender_constrained'],
    ['cnf as false', { cnf: false }, 'sender_constrained'],
    ['cnf as 0', { cnf: 0 }, 'sender_constrained'],
    ['an empty binding', { cnf: { jkt: null } }, 'sender_constrained'],
    ['a binding by SHA-1', { cnf: { x5t: 'x' } }, 'sender_constrained'],
    ['a binding in other letters', { cnf: { 'X5T#s256': 'x' } }, 'sender_constrained'],
    ['act as a list', { act: [] }, 'bad_act'],
    ['act as text', { act: 'gateway' }, 'bad_act'],
    ['act as false', { act: false }, 'bad_act'],
    ['an actor without a name', { act: { sub: '' } }, 'bad_act'],
    ['an actor of a number', { act: { sub: 'gateway', iss: 5 } }, 'bad_act'],
    ['an earlier actor of a list', { act: { sub: 'a', act: { sub: 'b', iss: ['c'] } } }, 'bad_act'],
    ['a client in a list', { client_id: undefined, azp: ['web'] }, 'client'],
    ['a client in an object', { client_id: {} }, 'client'],
    ['an audience in a list in a list', { aud: [[resource]] }, 'audience'],
    ['an audience in an object', { aud: { 0: resource } }, 'audience'],
    ['nonce as 0', { nonce: 0 }, 'token_type'],
    ['nonce as false', { nonce: false }, 'token_type'],
    ['an empty list of events', { events: [] }, 'token_type'],
    ['nbf as false', { nbf: false }, 'bad_nbf'],
    ['iat half a second too far ahead', { iat: now + 30.5 }, 'bad_iat'],
    ['an organization in a list in a list', { orgs: [['acme']] }, 'user'],
    ['an organization without a name', { orgs: { '': {} } }, 'user'],
    ['an id of null beside an alias', { orgs: { id: null, acme: {} } }, 'user'],
    ['an organization twice, with other roles', { orgs: [{ id: 'a', roles: ['b'] }, 'a'] }, 'user'],
    ['names with a blank', { orgs: 'acme globex' }, 'user acme globex'],
    ['names with a comma', { orgs: 'acme,globex' }, 'user acme,globex'],
    ['an organization of null', { orgs: { acme: null } }, 'user acme'],
  ]

  it.each(rows)('%s', async (_, claims, expected) => {
    const source = direct({ issuer: people.issuer(organizations) })
    expect(await verdict(source, bearer(await people.token(claims)))).toBe(expected)
  })
})

const signer = await createSigner('k', 'RS256')

describe('what presets tell a user from a service by', () => {
  const keys = { jwks: signer.jwks }
  const times = { iat: now - 5, exp: now + 300 }
  const tenantId = '0b9d4f0a-1b2c-4c57-9a55-6c9d3c1a4c57'
  const ofEntra = (claims: Claims) => ({
    iss: `https://login.microsoftonline.com/${tenantId}/v2.0`,
    aud: 'api',
    azp: 'gw',
    tid: tenantId,
    oid: 'o',
    sub: 's',
    ...claims,
  })
  const ofKeycloak = (claims: Claims) => ({
    iss: 'https://id.example.com/realms/agents',
    typ: 'Bearer',
    aud: 'api',
    azp: 'gw',
    sub: 'u',
    ...claims,
  })
  const ofOkta = (claims: Claims) => ({
    iss: 'https://acme.okta.com/oauth2/default',
    aud: 'api',
    cid: 'gw',
    sub: 'ada',
    uid: '00u1',
    ...claims,
  })
  const audience = 'api'
  const presets = {
    entra: entra({ tenantId, audience, keys }),
    keycloak: keycloak({ url: 'https://id.example.com', realm: 'agents', audience, keys }),
    okta: okta({ domain: 'acme.okta.com', audience, keys }),
  }
  const named = 'service-account-gw'

  it.each<readonly [keyof typeof presets, string, Claims, string]>([
    ['entra', 'a blank for scopes', ofEntra({ scp: ' ' }), 'kind_unknown'],
    ['entra', 'a list of scopes', ofEntra({ scp: ['x'] }), 'kind_unknown'],
    [
      'entra',
      'the facet of an agent as a number',
      ofEntra({ scp: 'x', xms_sub_fct: 13 }),
      'service',
    ],
    ['entra', 'the facet behind a tab', ofEntra({ scp: 'x', xms_sub_fct: '3\t13' }), 'service'],
    ['entra', 'the facet behind a comma', ofEntra({ scp: 'x', xms_sub_fct: '3,13' }), 'service'],
    ['entra', 'another facet', ofEntra({ scp: 'x', xms_sub_fct: '113 3' }), 'user'],
    ['entra', 'no oid', ofEntra({ scp: 'x', oid: null }), 'subject'],
    [
      'entra',
      'a tenant in capitals',
      ofEntra({ scp: 'x', tid: tenantId.toUpperCase() }),
      'required_claim',
    ],
    [
      'keycloak',
      'a name in capitals',
      ofKeycloak({ preferred_username: 'SERVICE-ACCOUNT-GW' }),
      'kind_unknown',
    ],
    ['keycloak', 'a list of names', ofKeycloak({ preferred_username: ['ada'] }), 'kind_unknown'],
    [
      'keycloak',
      'no client_id',
      ofKeycloak({ preferred_username: named, client_id: null }),
      'kind_unknown',
    ],
    [
      'keycloak',
      'client_id in a list',
      ofKeycloak({ preferred_username: named, client_id: ['gw'] }),
      'client_ambiguous',
    ],
    [
      'keycloak',
      'a session',
      ofKeycloak({ preferred_username: named, client_id: 'gw', sid: 's' }),
      'kind_unknown',
    ],
    [
      'keycloak',
      'an address',
      ofKeycloak({ preferred_username: 'ada', clientHost: '10.0.0.1' }),
      'kind_unknown',
    ],
    ['okta', 'a login that is the client', ofOkta({ sub: 'gw' }), 'kind_unknown'],
    ['okta', 'a uid that is a number', ofOkta({ uid: 7 }), 'subject'],
    ['okta', 'a client in a list', ofOkta({ cid: ['gw'] }), 'client'],
  ])('%s: %s', async (preset, _, claims, expected) => {
    const token = await signer.sign({ ...claims, ...times }, { typ: 'JWT' })
    const [kind] = (await verdict(direct({ issuer: presets[preset] }), bearer(token))).split(' ')
    expect(kind).toBe(expected)
  })
})

describe('tenants of a gateway', () => {
  const beside = enriched({ issuer: gateway.issuer(), userClaim: 'user', header: 'x-user' })
  const own = enriched({ issuer: gateway.issuer(), userClaim: 'user' })
  const pair = forwarded({
    header: 'x-user',
    issuer: people.issuer(organizations),
    gateway: gateway.issuer(),
    bind: 'audience',
  })
  const sent = async (machine: Claims, user: Promise<string>) =>
    bearer(await gateway.token(machine), { 'x-user': await user })
  const carried = (claims: Claims, organization: unknown) =>
    gateway.token({ jti: 'carrier', ...claims, user: { sub: 'jane', organization } })

  it.each<readonly [string, Source, () => Promise<object>, string]>([
    [
      'of the token that carries the user',
      beside,
      () => sent({}, carried({ org_id: 'acme' }, 'globex')),
      'binding_tenant',
    ],
    [
      'of its own token',
      beside,
      () => sent({ org_id: 'globex' }, carried({}, 'acme')),
      'binding_tenant',
    ],
    [
      'of two tokens that differ',
      beside,
      () => sent({ org_id: 'globex' }, carried({ org_id: 'acme' }, ['acme', 'globex'])),
      'binding_tenant',
    ],
    [
      'that cannot be read in the carrier',
      beside,
      () => sent({}, carried({ org_id: 5 }, 'acme')),
      'binding_tenant',
    ],
    [
      'that the user shares',
      beside,
      () => sent({}, carried({ org_id: 'acme' }, ['acme', 'globex'])),
      'user acme',
    ],
    [
      'in one token',
      own,
      async () => bearer(await carried({ org_id: 'acme' }, 'globex')),
      'binding_tenant',
    ],
    [
      'in capitals',
      pair,
      () => sent({ org_id: 'ACME' }, people.token({ orgs: 'acme' })),
      'binding_tenant',
    ],
    [
      'as an empty object',
      pair,
      () => sent({ org_id: {} }, people.token({ orgs: 'acme' })),
      'binding_tenant',
    ],
    [
      'of a user who cannot be read',
      pair,
      () => sent({ org_id: 'acme' }, people.token({ orgs: 5 })),
      'binding_tenant',
    ],
  ])('limit whom it brings: %s', async (_, source, request, expected) => {
    expect(await verdict(source, await request())).toBe(expected)
  })
})

describe('shapes of requests', () => {
  const good = async () => `Bearer ${await people.token()}`
  it.each<readonly [string, (token: string) => object, string]>([
    [
      'a URL object',
      (token) => ({ headers: { authorization: token }, url: new URL(resource) }),
      'user',
    ],
    [
      'a token in a URL object',
      (token) => ({
        headers: { authorization: token },
        url: new URL(`${resource}?access_token=x`),
      }),
      'token_in_query',
    ],
    ['a number as URL', (token) => ({ headers: { authorization: token }, url: 5 }), 'user'],
    [
      'an encoded name of the token',
      (token) => ({ headers: {}, url: `/mcp?%61ccess_token=${token}` }),
      'token_in_query',
    ],
    [
      'CloudFront',
      (value) => ({ headers: { authorization: [{ key: 'Authorization', value }] } }),
      'header_shape',
    ],
    ['a Buffer', (token) => ({ headers: { authorization: Buffer.from(token) } }), 'header_shape'],
    [
      'a list with a hole',
      (token) => ({ headers: { authorization: [null, token] } }),
      'header_shape',
    ],
    [
      'two letters',
      (token) => ({ headers: { authorization: token, Authorization: token } }),
      'duplicate_header',
    ],
    [
      'an inherited header',
      (authorization) => ({ headers: Object.create({ authorization }) as object }),
      'no_credential',
    ],
    [
      'raw lines as pairs',
      (token) => ({ headers: {}, rawHeaders: [['authorization', token]] }),
      'no_credential',
    ],
    [
      'raw lines of an odd number',
      () => ({ headers: {}, rawHeaders: ['authorization'] }),
      'no_credential',
    ],
  ])('%s', async (_, request, expected) => {
    const source = direct({ issuer: people.issuer() })
    expect(await verdict(source, request(await good()))).toBe(expected)
  })
})
