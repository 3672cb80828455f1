import {
  type Claims,
  createAuthenticator,
  type EnrichedOptions,
  enriched,
  type Identity,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import {
  bearer,
  clock,
  createGateway,
  createPeople,
  gatewayClient,
  gatewayIssuer,
  type Party,
  resource,
} from '../support/world.ts'

let gateway: Party
beforeAll(async () => {
  gateway = await createGateway()
})

async function read(claims: Claims, options: Partial<EnrichedOptions>): Promise<Identity> {
  const source = enriched({ issuer: gateway.issuer(), ...options })
  const authenticator = createAuthenticator({ resource, clock, sources: [source] })
  return authenticator.authenticate(bearer(await gateway.token(claims)))
}

describe('flat claims', () => {
  const claimMap = { subject: 'user_id', roles: 'role', organization: 'customer_id' }
  const flat = { user_id: 'jane-uuid', department: 'support', role: 'viewer' }

  it('name the person beside the machine', async () => {
    expect(await read({ ...flat, customer_id: 'acme' }, { claimMap })).toMatchObject({
      kind: 'user',
      issuer: gatewayIssuer,
      subject: 'jane-uuid',
      organization: { id: 'acme', roles: ['viewer'] },
      roles: ['viewer'],
      client: gatewayClient,
      claims: flat,
    })
  })

  it('name an issuer only where they are configured to', async () => {
    const claims = { ...flat, user_iss: 'https://people.example.com' }
    const options = { claimMap: { ...claimMap, issuer: 'user_iss' } }
    expect(await read(claims, options)).toMatchObject({ issuer: 'https://people.example.com' })
  })

  it.each([undefined, null, ''])('name nobody when the subject is %j', async (user_id) => {
    const claims = { ...flat, user_id }
    await expectRefused(() => read(claims, { claimMap }), {
      code: 'MISSING',
      reason: 'obo_missing',
    })
    expect(await read(claims, { claimMap, gatewayMayList: true })).toMatchObject({
      kind: 'service',
      subject: gatewayClient,
    })
  })

  it.each([7, ['jane'], {}, false])('are refused when the subject is %j', (user_id) =>
    expectRefused(() => read({ ...flat, user_id }, { claimMap }), {
      code: 'TOK',
      reason: 'enriched_claim',
    }),
  )
})

describe('the organization of the person', () => {
  const claim = 'onBehalfOf'

  it.each([
    ['organization', { organization: 'a', org_id: 'b' }, undefined, 'a'],
    ['organization, which the machine token names too', { organization: 'a' }, 'a', 'a'],
    ['org_id', { org_id: 'b' }, undefined, 'b'],
    ['org_id of the machine token', {}, 'c', 'c'],
    ['org_id of the machine token, where its own is empty', { organization: '' }, 'c', 'c'],
    ['its own object', { organization: { id: 'a' } }, undefined, 'a'],
  ])('is read from %s', async (_, person, org_id, id) => {
    const identity = await read(
      { onBehalfOf: { sub: 'jane', ...person }, org_id },
      { userClaim: claim },
    )
    expect(identity.organization).toEqual({ id, roles: [] })
  })

  it.each([
    ['another one', { organization: 'globex' }],
    ['others', { organization: ['globex', 'initech'] }],
    ['another one, as an object', { organization: { id: 'globex', roles: ['admin'] } }],
    ['another one by org_id', { org_id: 'globex' }],
    ['another case of the same name', { organization: 'Acme' }],
  ])('must be one of the gateway: %s', async (_, person) => {
    const claims = { onBehalfOf: { sub: 'jane', ...person }, org_id: 'acme' }
    await expectRefused(() => read(claims, { userClaim: claim }), {
      code: 'BIND',
      reason: 'binding_tenant',
    })
  })

  it('is the one of the gateway, of several that the person has', async () => {
    const organization = [
      { id: 'acme', roles: ['viewer'] },
      { id: 'globex', roles: ['admin'] },
    ]
    const claims = { onBehalfOf: { sub: 'jane', organization }, org_id: 'acme' }
    expect(await read(claims, { userClaim: claim })).toMatchObject({
      organization: { id: 'acme', roles: ['viewer'] },
      organizations: [{ id: 'acme' }],
    })
  })

  it('is refused where that of the gateway cannot be read', async () => {
    const claims = { onBehalfOf: { sub: 'jane', organization: 'globex' }, org_id: ['acme', 7] }
    const issuer = gateway.issuer({ claimMap: { organization: 'org_id' } })
    await expectRefused(() => read(claims, { userClaim: claim, issuer }), {
      code: 'BIND',
      reason: 'binding_tenant',
    })
  })

  it('is absent when nothing names it', async () => {
    expect(
      'organization' in (await read({ onBehalfOf: { sub: 'jane' } }, { userClaim: claim })),
    ).toBe(false)
  })

  it('is never the first of several', async () => {
    const identity = await read(
      { onBehalfOf: { sub: 'jane', organization: ['a', 'b'] } },
      { userClaim: claim },
    )
    expect('organization' in identity).toBe(false)
    expect(identity.organizations.map(({ id }) => id)).toEqual(['a', 'b'])
  })

  it('holds the roles of the person, not of the machine', async () => {
    const onBehalfOf = { sub: 'jane', org_id: 'acme', roles: ['viewer'] }
    const identity = await read({ onBehalfOf, roles: ['admin'] }, { userClaim: claim })
    expect(identity.roles).toEqual(['viewer'])
    expect(identity.organization).toEqual({ id: 'acme', roles: ['viewer'] })
  })
})

describe('a place that claimMap names', () => {
  it('is looked for in the person', async () => {
    const claimMap = {
      subject: 'uid',
      issuer: (person: Claims) => `https://${String(person['realm'])}.example`,
      organization: ['tenant', 'id'],
      roles: 'groups',
    }
    const onBehalfOf = { uid: 'u1', sub: 'x', realm: 'acme', tenant: { id: 't1' }, groups: 'ops' }
    expect(await read({ onBehalfOf }, { userClaim: 'onBehalfOf', claimMap })).toMatchObject({
      subject: 'u1',
      issuer: 'https://acme.example',
      organization: { id: 't1', roles: ['ops'] },
      roles: ['ops'],
    })
  })
})

describe('the options of enriched', () => {
  const names = (option: string): string => `${option} must name at least one non-empty string`
  it.each([
    [{ userClaim: '' }, names('userClaim')],
    [{ userClaim: [] }, names('userClaim')],
    [{ userClaim: 7 }, names('userClaim')],
    [{ userClaim: undefined }, 'claimMap.subject is required without userClaim'],
    [{ clients: [] }, names('clients')],
    [{ clients: '' }, names('clients')],
    [{ clients: 'nobody' }, 'clients must be clients of the issuer'],
    [
      { claimMap: { subject: 7 } },
      "claimMap.subject must be a claim's name, a path to it or a function",
    ],
    [{ claimMap: { kind: 'x' } }, 'claimMap.kind is unknown'],
    [{ schema: {} }, 'schema must be a Standard Schema'],
    [{ issuer: undefined }, 'issuer is required'],
  ])('must not be %j', (options, message) => {
    const usual = { issuer: gateway.issuer(), userClaim: 'onBehalfOf' }
    expect(() => enriched({ ...usual, ...options } as never)).toThrow(new TypeError(message))
  })

  it('must name who may vouch', async () => {
    const issuer = (await createPeople()).issuer()
    expect(() => enriched({ issuer, userClaim: 'onBehalfOf' })).toThrow(
      new TypeError('issuer must list its clients: only they may vouch for users'),
    )
    const options = { issuer, userClaim: 'onBehalfOf', clients: 'gateway' }
    expect(() => enriched(options)).not.toThrow()
  })
})
