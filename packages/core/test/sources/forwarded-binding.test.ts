import {
  type Claims,
  createAuthenticator,
  type ForwardedOptions,
  forwarded,
  type Identity,
  memoryStore,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import {
  bearer,
  canary,
  clock,
  createGateway,
  createPeople,
  gatewayClient,
  gatewayIssuer,
  machineClaims,
  type Party,
  peopleIssuer,
  personClaims,
  resource,
} from '../support/world.ts'

let people: Party
let gateway: Party

beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
})

type Bind = ForwardedOptions['bind']

function send(
  machine: string,
  person: string,
  options: Partial<ForwardedOptions>,
): Promise<Identity> {
  const source = forwarded({
    header: 'x-user-token',
    issuer: people.issuer(),
    gateway: gateway.issuer(),
    bind: 'trust-gateway',
    ...options,
  })
  const authenticator = createAuthenticator({ resource, clock, sources: [source] })
  return authenticator.authenticate(bearer(machine, { 'x-user-token': person }))
}

async function expectAccepted(bind: Bind, person: Claims, machine: Claims = {}): Promise<void> {
  const identity = await send(await gateway.token(machine), await people.token(person), { bind })
  expect(identity).toMatchObject({ kind: 'user', subject: 'jane' })
}

async function expectBroken(
  reason: string,
  bind: Bind,
  person: Claims,
  machine: Claims = {},
): Promise<void> {
  const tokens = [await gateway.token(machine), await people.token(person)] as const
  const refused = { code: 'BIND', reason } as const
  await expectRefused(() => send(...tokens, { bind }), refused, ...tokens, canary)
}

describe("bind: 'client'", () => {
  it.each([[{ client_id: gatewayClient }], [{ client_id: undefined, azp: gatewayClient }]])(
    'accepts a token that was issued to the gateway: %j',
    (claims) => expectAccepted('client', claims),
  )

  it.each([
    [{}],
    [{ client_id: 'other-gateway' }],
    [{ client_id: undefined }],
    [{ client_id: gatewayClient.toUpperCase() }],
    [{ client_id: undefined, act: { sub: gatewayClient } }],
  ])('refuses one that was not: %j', (claims) => expectBroken('binding_client', 'client', claims))

  it('refuses a token that was issued to another gateway than the one that calls', async () => {
    const via = gateway.issuer({ clients: ['gateway-a', 'gateway-b'] })
    const machine = await gateway.token({ sub: 'gateway-a', client_id: 'gateway-a' })
    const person = await people.token({ client_id: 'gateway-b' })
    await expectRefused(
      () => send(machine, person, { gateway: via, bind: 'client' }),
      { code: 'BIND', reason: 'binding_client' },
      machine,
      person,
    )
  })
})

describe("bind: 'actor'", () => {
  it.each([
    [{ sub: gatewayClient, iss: gatewayIssuer }],
    [{ sub: gatewayClient, iss: gatewayIssuer, act: { sub: 'earlier' } }],
  ])('accepts a token whose outermost actor is the gateway: %j', (act) =>
    expectAccepted('actor', { act }),
  )

  it.each([
    ['by its client id', { sub: gatewayClient }],
    ['by the `sub` of its own token', { sub: 'account-of-the-gateway' }],
    ['by its name and issuer', { sub: 'account-of-the-gateway', iss: peopleIssuer }],
    ['under the other name of the issuer', { sub: gatewayClient, iss: `${peopleIssuer}/v2` }],
  ])('accepts the gateway as actor where both tokens are of one issuer: %s', async (_, act) => {
    const iss = [peopleIssuer, `${peopleIssuer}/v2`]
    const kind = ({ machine }: Claims): unknown => (machine === true ? 'service' : 'user')
    const one = people.issuer({ iss, clients: gatewayClient, kind })
    const claims = { iss: peopleIssuer, sub: 'account-of-the-gateway', machine: true }
    const machine = await people.signer.sign(machineClaims(claims))
    const person = await people.token({ client_id: gatewayClient, act })
    const options = { issuer: one, gateway: one, bind: 'actor' } as const
    expect(await send(machine, person, options)).toMatchObject({ kind: 'user', subject: 'jane' })
  })

  it.each([
    [undefined],
    [{ sub: 'other-gateway' }],
    // Without `iss` it is a client of the issuer that wrote it.
    [{ sub: gatewayClient }],
    [{ sub: gatewayClient, act: { sub: gatewayClient, iss: gatewayIssuer } }],
    [{ sub: gatewayClient, iss: peopleIssuer }],
    [{ sub: gatewayClient, iss: `${gatewayIssuer}/` }],
    [{ sub: 'other-gateway', act: { sub: gatewayClient } }],
    [{ sub: gatewayClient.toUpperCase() }],
    [{}],
    [[{ sub: gatewayClient }]],
    [gatewayClient],
    [null],
  ])('refuses any other: %j', (act) => expectBroken('binding_actor', 'actor', { act }))

  it('does not take who may act for who acts', () =>
    expectBroken('binding_actor', 'actor', { may_act: { sub: gatewayClient } }))
})

describe("bind: 'trust-gateway'", () => {
  it('relies on the gateway for a token whose audience is the gateway', async () => {
    const issuer = people.issuer({ audience: gatewayClient })
    const person = await people.token({ aud: gatewayClient })
    const identity = await send(await gateway.token(), person, { issuer })
    expect(identity).toMatchObject({ subject: 'jane', gateway: { client: gatewayClient } })
  })
})

describe('several rules', () => {
  const bind = ['audience', 'client', 'actor'] as const

  it('must all hold', async () => {
    const act = { sub: gatewayClient, iss: gatewayIssuer }
    await expectAccepted(bind, { client_id: gatewayClient, act })
    await expectBroken('binding_client', bind, { act })
    await expectBroken('binding_actor', bind, { client_id: gatewayClient })
  })
})

describe('whatever the rule', () => {
  const rules: readonly Bind[] = ['audience', 'client', 'actor', 'trust-gateway']

  it.each(rules)('tokens in swapped places are refused: %s', async (bind) => {
    const tokens = [await people.token(), await gateway.token()] as const
    const refused = { code: 'BIND', reason: 'binding_roles_swapped' } as const
    await expectRefused(() => send(...tokens, { bind }), refused, ...tokens, canary)
  })

  it.each(rules)('the same token in both places is refused: %s', async (bind) => {
    for (const token of [await gateway.token(), await people.token()]) {
      const refused = { code: 'BIND', reason: 'binding_same_token' } as const
      await expectRefused(() => send(token, token, { bind }), refused, token)
      await expectRefused(() => send(token, `Bearer ${token}`, { bind }), refused, token)
    }
  })

  it('two tokens of the gateway, or two of a person, are refused', async () => {
    const refused = { code: 'BIND', reason: 'binding_roles_swapped' } as const
    const machines = [await gateway.token(), await gateway.token({ jti: '2' })] as const
    await expectRefused(() => send(...machines, {}), refused, ...machines)
    const persons = [await people.token(), await people.token({ jti: '2' })] as const
    await expectRefused(() => send(...persons, {}), refused, ...persons)
  })

  it('a machine of the issuer of users is not a user', () =>
    expectBroken('binding_roles_swapped', 'trust-gateway', { sub: 'web-client' }))

  it('the roles are distinguished also where one issuer serves users and machines', async () => {
    const one = { issuer: people.issuer(), gateway: people.issuer({ clients: gatewayClient }) }
    const machine = await people.signer.sign(machineClaims({ iss: peopleIssuer }))
    const person = await people.token({ client_id: gatewayClient })
    expect(await send(machine, person, one)).toMatchObject({ subject: 'jane' })
    for (const pair of [
      [person, machine],
      [machine, await people.signer.sign(machineClaims({ iss: peopleIssuer, jti: '2' }))],
      [person, await people.signer.sign(personClaims({ client_id: gatewayClient, jti: '2' }))],
    ] as const) {
      const refused = { code: 'BIND', reason: 'binding_roles_swapped' } as const
      await expectRefused(() => send(...pair, one), refused, ...pair)
    }
  })
})

describe('the organizations of both tokens', () => {
  const organizations = 'organizations'
  const claimMap = { organization: organizations }

  async function sendFrom(
    person: readonly string[],
    machine: readonly string[],
  ): Promise<Identity> {
    return send(
      await gateway.token({ [organizations]: machine }),
      await people.token({ [organizations]: person }),
      { issuer: people.issuer({ claimMap }), gateway: gateway.issuer({ claimMap }) },
    )
  }

  it.each([
    [['t1'], []],
    [[], []],
    [['t1'], ['t1']],
    [['t1', 't2'], ['t2']],
    [
      ['t1', 't2'],
      ['t2', 't3'],
    ],
  ])('may be %j for the person and %j for the gateway', async (person, machine) => {
    expect(await sendFrom(person, machine)).toMatchObject({ subject: 'jane' })
  })

  it.each([
    [['t2'], ['t1']],
    [[], ['t1']],
    [['t2', 't3'], ['t1']],
    [['t2'], ['t1', 't3']],
    [[], ['t1', 't3']],
  ])('must not be %j for the person and %j for the gateway', (person, machine) =>
    expectRefused(() => sendFrom(person, machine), { code: 'BIND', reason: 'binding_tenant' }),
  )

  it.each([
    [['t1', 't2'], ['t2'], ['t2']],
    [['t1', 't2'], ['t2', 't3'], ['t2']],
    [
      ['t1', 't2', 't3'],
      ['t2', 't3'],
      ['t2', 't3'],
    ],
    [['t1', 't2'], [], ['t1', 't2']],
  ])('%j of the person are cut to %j of the gateway', async (person, machine, ids) => {
    const identity = await sendFrom(person, machine)
    expect(identity.organizations.map(({ id }) => id)).toEqual(ids)
    expect(identity.organization?.id).toBe(ids.length === 1 ? ids[0] : undefined)
  })

  it('refuse the person where those of the gateway cannot be read', async () => {
    const machine = await gateway.token({ [organizations]: ['t1', 7] })
    const person = await people.token({ [organizations]: ['t2'] })
    const options = { issuer: people.issuer({ claimMap }), gateway: gateway.issuer({ claimMap }) }
    const refused = { code: 'BIND', reason: 'binding_tenant' } as const
    await expectRefused(() => send(machine, person, options), refused, machine, person)
  })

  it('do not count if the issuer of the gateway is configured without them', async () => {
    const via = gateway.issuer({ claimMap: { organization: () => undefined } })
    const machine = await gateway.token({ org_id: 'platform' })
    expect(
      await send(machine, await people.token({ org_id: 'acme' }), { gateway: via }),
    ).toMatchObject({
      organization: { id: 'acme' },
    })
  })
})

describe('a token that stays with the gateway that presented it first', () => {
  it('is distinguished by its issuer, and gateways by theirs', async () => {
    const presented = memoryStore()
    const common = { bind: 'trust-gateway', presented } as const
    const person = await people.token({ jti: 'one' })
    expect(await send(await gateway.token(), person, common)).toMatchObject({ subject: 'jane' })

    // The same id at another issuer is another token.
    const other = people.issuer({ iss: 'https://other.example.com' })
    const namesake = await people.token({ jti: 'one', iss: 'https://other.example.com' })
    const second = gateway.issuer({ clients: [gatewayClient, 'second'] })
    const machine = await gateway.token({ sub: 'second', client_id: 'second' })
    expect(
      await send(machine, namesake, { ...common, issuer: other, gateway: second }),
    ).toMatchObject({
      subject: 'jane',
    })

    // A client of the same name at another issuer is another gateway, and so is another client.
    const away = gateway.issuer({ iss: 'https://away.example.com' })
    const foreign = await gateway.token({ iss: 'https://away.example.com' })
    for (const [token, options] of [
      [foreign, { ...common, gateway: away }],
      [machine, { ...common, gateway: second }],
    ] as const) {
      const refused = { code: 'TOK', reason: 'replayed' } as const
      await expectRefused(() => send(token, person, options), refused, token, person)
    }
    expect(await send(await gateway.token({ jti: '2' }), person, common)).toMatchObject({
      subject: 'jane',
    })
  })
})
