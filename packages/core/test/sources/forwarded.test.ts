import {
  type Authenticator,
  createAuthenticator,
  type ForwardedOptions,
  forwarded,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { createSigner } from '../support/signer.ts'
import {
  bearer,
  canary,
  clock,
  createGateway,
  createPeople,
  gatewayClient,
  gatewayIssuer,
  machineClaims,
  now,
  type Party,
  peopleIssuer,
  personClaims,
  resource,
} from '../support/world.ts'

let people: Party
let gateway: Party
let authenticator: Authenticator

const header = 'x-user-token'

beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
  authenticator = withOptions()
})

function withOptions(options: Partial<ForwardedOptions> = {}): Authenticator {
  const source = forwarded({
    header,
    issuer: people.issuer(),
    gateway: gateway.issuer(),
    bind: 'audience',
    ...options,
  })
  return createAuthenticator({ resource, clock, sources: [source] })
}

async function expectReason(
  refused: Parameters<typeof expectRefused>[1],
  machine: string,
  person: string,
  by: Authenticator = authenticator,
): Promise<void> {
  const attempt = (): unknown => by.authenticate(bearer(machine, { [header]: person }))
  await expectRefused(attempt, refused, machine, person, canary)
}

describe('forwarded', () => {
  it('gives the identity of the person, and the gateway that vouched', async () => {
    const claims = { org_id: 'acme', roles: ['admin'] }
    const [machine, person] = [await gateway.token(), await people.token(claims)]
    const organization = { id: 'acme', roles: ['admin'] }
    const identity = await authenticator.authenticate(bearer(machine, { [header]: person }))
    expect({ ...identity }).toEqual({
      kind: 'user',
      issuer: peopleIssuer,
      subject: 'jane',
      principal: `["${peopleIssuer}","jane"]`,
      organization,
      organizations: [organization],
      client: 'web-client',
      gateway: { issuer: gatewayIssuer, client: gatewayClient },
      scopes: ['notes:read', 'notes:write'],
      roles: ['admin'],
      source: 'forwarded',
      expiresAt: now + 300,
      tokenId: 'person-token-1',
      claims: personClaims(claims),
    })
  })

  it.each([
    [now + 600, now + 300, now + 300],
    [now + 100, now + 300, now + 100],
    [now - 10, now + 300, now - 10],
    [now + 300, now - 10, now - 10],
  ])('ends when the first of both tokens does: %i, %i', async (machineExp, personExp, expected) => {
    const machine = await gateway.token({ exp: machineExp })
    const person = await people.token({ exp: personExp })
    const request = bearer(machine, { [header]: person })
    expect((await authenticator.authenticate(request)).expiresAt).toBe(expected)
  })

  it('refuses the gateway without a person', async () => {
    const machine = await gateway.token()
    await expectRefused(
      () => authenticator.authenticate(bearer(machine)),
      { code: 'MISSING', reason: 'obo_missing' },
      machine,
    )
  })

  it('gives a service for the gateway without a person, where that is allowed', async () => {
    const by = withOptions({ gatewayMayList: true })
    const machine = await gateway.token({ email: 'ops@acme.example' })
    const identity = await by.authenticate(bearer(machine))
    expect(identity).toMatchObject({
      kind: 'service',
      issuer: gatewayIssuer,
      subject: gatewayClient,
      gateway: { issuer: gatewayIssuer, client: gatewayClient },
      scopes: ['mcp:invoke'],
      source: 'forwarded',
      expiresAt: now + 600,
    })
    expect(identity.claims).not.toHaveProperty('email')
  })

  it('never falls back to the gateway when a person is present and refused', async () => {
    const by = withOptions({ gatewayMayList: true })
    const person = await people.token({ exp: now - 60 })
    await expectReason({ code: 'TOK', reason: 'expired' }, await gateway.token(), person, by)
  })

  it('refuses a person without the gateway', async () => {
    const person = await people.token()
    for (const headers of [
      { [header]: person },
      { [header]: person, authorization: 'Basic eA==' },
    ]) {
      await expectRefused(
        () => authenticator.authenticate({ headers }),
        { code: 'MISSING', reason: 'gateway_missing' },
        person,
      )
    }
  })

  it('refuses a person in Authorization alone', async () => {
    const person = await people.token()
    await expectRefused(
      () => authenticator.authenticate(bearer(person)),
      { code: 'TOK', reason: 'issuer_unknown' },
      person,
    )
  })
})

describe('a gateway that forwards', () => {
  it.each([
    ['client', { client_id: 'other-gateway', sub: 'other-gateway' }],
    ['kind_unknown', { client_id: undefined }],
    ['expired', { exp: now - 60 }],
    ['audience', { aud: 'https://other.example' }],
    ['token_type', { token_use: 'id' }],
    ['sender_constrained', { cnf: { jkt: 'x' } }],
  ])('has to be verified (%s): %j', async (reason, claims) =>
    expectReason({ code: 'TOK', reason }, await gateway.token(claims), await people.token()),
  )

  it('has to be a machine', async () => {
    const machine = await gateway.token({ sub: 'joe' })
    const refused = { code: 'BIND', reason: 'binding_roles_swapped' } as const
    await expectReason(refused, machine, await people.token())
  })

  it('has to sign with its own key', async () => {
    const forged = await (await createSigner('gateway-key')).sign(machineClaims())
    await expectReason({ code: 'TOK', reason: 'signature' }, forged, await people.token())
  })

  it('has to be of a known issuer', async () => {
    const machine = await gateway.token({ iss: 'https://other.example' })
    await expectReason({ code: 'TOK', reason: 'issuer_unknown' }, machine, await people.token())
  })

  it('answers for a scope that its token lacks: the person cannot consent to it', async () => {
    const by = withOptions({ gateway: gateway.issuer({ scopes: 'mcp:admin' }) })
    const refused = { code: 'TOK', reason: 'gateway_scope_missing' } as const
    await expectReason(refused, await gateway.token(), await people.token(), by)
  })
})

describe('a person who is forwarded', () => {
  it.each([
    ['expired', { exp: now - 60 }],
    ['audience', { aud: 'https://other.example' }],
    ['audience', { aud: gatewayClient }],
    ['token_type', { nonce: 'n' }],
    ['subject', { sub: '' }],
    ['bad_act', { act: [] }],
    ['sender_constrained', { cnf: { jkt: 'x' } }],
  ])('has to be verified (%s): %j', async (reason, claims) =>
    expectReason({ code: 'TOK', reason }, await gateway.token(), await people.token(claims)),
  )

  it('has to be signed by their issuer', async () => {
    const forged = await (await createSigner('people-key')).sign(personClaims())
    await expectReason({ code: 'TOK', reason: 'signature' }, await gateway.token(), forged)
  })

  it('has to be of a known issuer', async () => {
    const person = await people.token({ iss: 'https://other.example' })
    await expectReason({ code: 'TOK', reason: 'issuer_unknown' }, await gateway.token(), person)
  })

  it('may consent to a scope that their token lacks', async () => {
    const by = withOptions({ issuer: people.issuer({ scopes: 'notes:admin' }) })
    const refused = { code: 'SCOPE', reason: 'scope_missing' } as const
    await expectReason(refused, await gateway.token(), await people.token(), by)
  })
})

describe('the options of forwarded', () => {
  it.each([
    [{ header: '' }, 'header is not a valid header name'],
    [{ header: 'x user' }, 'header is not a valid header name'],
    [{ header: 'x_user_token' }, 'header is not a valid header name'],
    [{ header: 'x-user:' }, 'header is not a valid header name'],
    [{ header: undefined }, 'header is not a valid header name'],
    [{ header: 'Authorization' }, 'header must not be Authorization'],
    [{ bind: undefined }, 'bind must name at least one of audience, client, actor, trust-gateway'],
    [{ bind: [] }, 'bind must name at least one of audience, client, actor, trust-gateway'],
    [{ bind: 'none' }, 'bind must name at least one of audience, client, actor, trust-gateway'],
    [
      { bind: ['client', 'x'] },
      'bind must name at least one of audience, client, actor, trust-gateway',
    ],
    [{ bind: 7 }, 'bind must name at least one of audience, client, actor, trust-gateway'],
    [{ issuer: undefined }, 'issuer is required'],
    [{ issuer: {} }, 'issuer is required'],
    [{ gateway: undefined }, 'gateway is required'],
  ])('must not be %j', (options, message) => {
    expect(() => withOptions(options as never)).toThrow(new TypeError(message))
  })

  it('must name a gateway that lists its clients', () => {
    expect(() => withOptions({ gateway: people.issuer() })).toThrow(
      new TypeError('gateway must list its clients: only they may vouch for users'),
    )
  })

  it('must not bind by an audience that the issuer of users does not check', () => {
    const issuer = people.issuer({ audience: null, clients: 'web-client' })
    expect(() => withOptions({ issuer })).toThrow(
      new TypeError("bind: 'audience' needs an issuer with an audience"),
    )
    expect(() => withOptions({ issuer, bind: ['client', 'audience'] })).toThrow(TypeError)
    expect(() => withOptions({ issuer, bind: 'client' })).not.toThrow()
  })
})
