import {
  type AuthenticatorEvent,
  createAuthenticator,
  direct,
  enriched,
  forwarded,
  gatewayToken,
  type Identity,
  type Issuer,
  plainHeaders,
  type Source,
  sharedSecret,
  signedHeader,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import {
  clock,
  createGateway,
  createPeople,
  now,
  type Party,
  peopleIssuer,
  resource,
} from '../support/world.ts'

let people: Party
let gateway: Party
let person: string
let machine: string

beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
  trusted = { people: people.issuer(), gateway: gateway.issuer() }
  person = await people.token()
  machine = await gateway.token({ onBehalfOf: { sub: 'joe' } })
})

/** One object for each issuer: its rules are the same in every source. */
let trusted: Readonly<Record<'people' | 'gateway', Issuer>>
const secret = 's'.repeat(32)
type Headers = Readonly<Record<string, string>>

const sources = {
  direct: () => direct({ issuer: trusted.people }),
  machines: () => direct({ issuer: trusted.gateway }),
  enriched: () => enriched({ issuer: trusted.gateway, userClaim: 'onBehalfOf' }),
  forwarded: (gatewayMayList = false) =>
    forwarded({
      header: 'x-user-token',
      issuer: trusted.people,
      gateway: trusted.gateway,
      bind: 'audience',
      gatewayMayList,
    }),
  assertion: () => signedHeader({ header: 'x-assertion', issuer: trusted.people }),
  plainHeaders: () =>
    plainHeaders({
      headers: { subject: 'x-user' },
      iss: peopleIssuer,
      proof: gatewayToken(trusted.gateway),
    }),
  secret: () =>
    plainHeaders({
      headers: { subject: 'x-user' },
      iss: peopleIssuer,
      proof: sharedSecret({ header: 'x-gateway-secret', secret }),
    }),
}

async function send(
  list: readonly Source[],
  headers: Headers,
  events: AuthenticatorEvent[] = [],
): Promise<Identity> {
  const onEvent = (event: AuthenticatorEvent): void => void events.push(event)
  return createAuthenticator({ resource, clock, onEvent, sources: list }).authenticate({ headers })
}

describe('the order of sources', () => {
  it('decides where several apply', async () => {
    const headers = { authorization: `Bearer ${machine}` }
    const both = [sources.enriched(), sources.machines()]
    expect(await send(both, headers)).toMatchObject({ source: 'enriched', subject: 'joe' })
    expect(await send(both.toReversed(), headers)).toMatchObject({
      source: 'direct',
      kind: 'service',
    })
  })

  it('lets a gateway send a person in a header, or inside its token', async () => {
    const list = [sources.forwarded(), sources.enriched()]
    const headers = { authorization: `Bearer ${machine}` }
    expect(await send(list, headers)).toMatchObject({ source: 'enriched', subject: 'joe' })
    expect(await send(list, { ...headers, 'x-user-token': person })).toMatchObject({
      source: 'forwarded',
      subject: 'jane',
    })
  })

  it('lets people call beside the gateway', async () => {
    const list = [sources.forwarded(), sources.direct()]
    expect(await send(list, { authorization: `Bearer ${person}` })).toMatchObject({
      source: 'direct',
      subject: 'jane',
    })
  })
})

describe('a source that applies and refuses', () => {
  it('is not followed by a weaker one', async () => {
    const expired = await people.token({ exp: now - 60 })
    const headers = { authorization: `Bearer ${machine}`, 'x-user-token': expired }
    const list = [sources.forwarded(), sources.enriched(), sources.machines()]
    await expectRefused(() => send(list, headers), { code: 'TOK', reason: 'expired' }, expired)
  })

  it('is not followed by another one when plain headers are refused', async () => {
    const headers = { authorization: `Bearer ${machine}`, 'x-user': 'jane, root' }
    await expectRefused(() => send([sources.plainHeaders(), sources.enriched()], headers), {
      code: 'TOK',
      reason: 'headers_value',
    })
  })
})

describe('a credential that the deciding source does not read', () => {
  const unread = { code: 'TOK', reason: 'credential_not_understood' } as const

  it.each([
    [
      'a second token beside a direct one',
      () => [sources.forwarded(), sources.direct()],
      () => ({ authorization: `Bearer ${person}`, 'x-assertion': person }),
    ],
    [
      'a person of an unknown issuer beside an enriched token',
      () => [sources.forwarded(), sources.enriched()],
      async () => ({
        authorization: `Bearer ${machine}`,
        'x-user-token': await people.token({ iss: 'https://other.example' }),
      }),
    ],
    [
      'a plain header beside a token',
      () => [sources.secret(), sources.direct()],
      () => ({ authorization: `Bearer ${person}`, 'x-user': 'root' }),
    ],
    [
      'an empty plain header beside a token',
      () => [sources.secret(), sources.direct()],
      () => ({ authorization: `Bearer ${person}`, 'x-user': '' }),
    ],
    [
      'a token beside a proven assertion',
      () => [sources.secret(), sources.direct()],
      () => ({ authorization: `Bearer ${person}`, 'x-user': 'joe', 'x-gateway-secret': secret }),
    ],
    [
      'an assertion beside a forwarded person',
      () => [sources.forwarded(), sources.assertion()],
      () => ({
        authorization: `Bearer ${machine}`,
        'x-user-token': person,
        'x-assertion': person,
      }),
    ],
  ])('refuses the request: %s', async (_, list, headers) => {
    const made = [...list(), sources.assertion()]
    await expectRefused(async () => send(made, await headers()), unread, person, machine, secret)
  })

  it('does not refuse it when no source reads it at all', async () => {
    const headers = { authorization: `Bearer ${person}`, 'x-assertion': 'junk', 'x-user': 'root' }
    expect(await send([sources.direct()], headers)).toMatchObject({ subject: 'jane' })
  })

  it('refuses the request also when it cannot even be parsed', async () => {
    const headers = { authorization: `Bearer ${person}`, 'x-assertion': 'junk' }
    await expectRefused(() => send([sources.direct(), sources.assertion()], headers), {
      code: 'TOK',
      reason: 'opaque_token',
    })
  })
})

describe('a request to which no source applies', () => {
  const list = (): readonly Source[] => [sources.forwarded(), sources.secret(), sources.assertion()]

  it.each([
    ['MISSING', 'no_credential', 'nothing', () => ({})],
    ['MISSING', 'no_credential', 'another scheme', () => ({ authorization: 'Basic eA==' })],
    ['MISSING', 'obo_missing', 'a gateway', () => ({ authorization: `Bearer ${machine}` })],
    ['MISSING', 'gateway_missing', 'a person without one', () => ({ 'x-user-token': person })],
    ['MISSING', 'gateway_missing', 'an assertion without proof', () => ({ 'x-user': 'root' })],
    ['MISSING', 'headers_incomplete', 'a proof alone', () => ({ 'x-gateway-secret': secret })],
    [
      'TOK',
      'issuer_unknown',
      'a person in its place',
      () => ({ authorization: `Bearer ${person}` }),
    ],
    [
      'TOK',
      'issuer_unknown',
      'a gateway and plain headers',
      () => ({ authorization: `Bearer ${machine}`, 'x-user': 'root' }),
    ],
  ] as const)('gets (%s, %s) with %s', async (code, reason, _, headers) => {
    const events: AuthenticatorEvent[] = []
    const attempt = (): Promise<Identity> => send(list(), headers(), events)
    await expectRefused(attempt, { code, reason }, person, machine, secret)
    expect(events).toMatchObject([{ type: 'refused', code, reason }])
  })
})
