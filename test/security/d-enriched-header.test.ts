import { type EnrichedOptions, enriched } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { expectAccepted, expectRefused } from './support/expect-refused.ts'
import {
  call,
  gatewayIssuer,
  gatewayName,
  machineToken,
  personToken,
  userHeader,
  whoIs,
} from './support/gateway.ts'
import type { Lines } from './support/http.ts'
import { createKey, signWith } from './support/keys.ts'
import { now } from './support/names.ts'
import { type ProtectedServer, startServer } from './support/server.ts'
import type { Changes, MintChanges } from './support/token.ts'

// The attacks of family D, on a gateway that sends its own token in `Authorization`, and the token with the
// person inside in a header beside it.

const ada = { sub: 'ada', org_id: 'acme', act: { sub: 'gateway-a' } }
const forged: MintChanges = { sign: signWith(createKey('ES256')) }

const enrichedToken = (claims: Changes = {}, changes: MintChanges = {}): string =>
  machineToken({ onBehalfOf: ada, jti: 'enriched-1', ...claims }, changes)
const goodCall = (): Lines => call({ machine: machineToken(), person: enrichedToken() })

function start(options: Partial<EnrichedOptions> = {}): Promise<ProtectedServer> {
  const clients = ['gateway-a', 'gateway-b', 'reporting']
  const source = enriched({
    issuer: gatewayIssuer({ clients }),
    clients: ['gateway-a', 'gateway-b'],
    userClaim: 'onBehalfOf',
    header: userHeader,
    ...options,
  })
  return startServer({ sources: [source], good: goodCall() })
}

it('accepts the user whom the gateway brings beside its own token', async () => {
  const server = await start()
  await expectAccepted(server, goodCall())
  expect(whoIs(server.handled.at(-1))).toEqual({
    kind: 'user',
    issuer: gatewayName,
    subject: 'ada',
    client: 'gateway-a',
    gateway: 'gateway-a',
    source: 'enriched',
  })
  expect(server.handled.at(-1)).toMatchObject({
    organization: { id: 'acme' },
    actor: { subject: 'gateway-a' },
  })
})

describe('one token without the other', () => {
  it('is refused: the user without the gateway', async () => {
    const lines = call({ person: enrichedToken() })
    await expectRefused(await start(), lines, { code: 'MISSING', reason: 'gateway_missing' })
  })

  it('is refused: the gateway without a user', async () => {
    const lines = call({ machine: machineToken() })
    await expectRefused(await start(), lines, { code: 'MISSING', reason: 'obo_missing' })
  })

  it('is a service where no user is needed', async () => {
    const server = await start({ gatewayMayList: true })
    await expectAccepted(server, call({ machine: machineToken() }))
    expect(whoIs(server.handled.at(-1))).toMatchObject({ kind: 'service', subject: 'gateway-a' })
  })

  it.each([false, true])(
    'is refused: the user in the place of the gateway, where no user is needed: %s',
    async (gatewayMayList) => {
      const lines = call({ machine: enrichedToken() })
      const expected = gatewayMayList
        ? ({ code: 'BIND', reason: 'binding_roles_swapped' } as const)
        : ({ code: 'MISSING', reason: 'obo_missing' } as const)
      await expectRefused(await start({ gatewayMayList }), lines, expected)
    },
  )

  it('is refused: an empty header', async () => {
    const lines: Lines = [...call({ machine: machineToken() }), [userHeader, '']]
    const server = await start({ gatewayMayList: true })
    await expectRefused(server, lines, { code: 'REQ', reason: 'header_shape' })
  })
})

describe('two tokens that do not belong together', () => {
  const once = enrichedToken()
  const unsound = enrichedToken({ exp: now - 3600 })
  const rows: readonly (readonly [string, string, string, string])[] = [
    [
      'of two gateways',
      machineToken({ client_id: 'gateway-b' }),
      enrichedToken(),
      'binding_client',
    ],
    ['a case apart', machineToken(), enrichedToken({ client_id: 'Gateway-A' }), 'client'],
    ['in each other’s place', enrichedToken(), machineToken(), 'binding_roles_swapped'],
    [
      'each with a user',
      enrichedToken({ onBehalfOf: { sub: 'eve' }, jti: '2' }),
      enrichedToken(),
      'binding_roles_swapped',
    ],
    ['one token twice', once, once, 'binding_same_token'],
    ['one token twice, that is not sound', unsound, unsound, 'binding_same_token'],
  ]

  it.each(rows)('are refused: %s', async (_variant, machine, person, reason) => {
    const code = reason === 'client' ? 'TOK' : 'BIND'
    await expectRefused(await start(), call({ machine, person }), { code, reason })
  })

  it('are refused: a client of the same name at another issuer', async () => {
    const issuer = gatewayIssuer({ iss: [gatewayName, 'https://other.example'] })
    const server = await start({ issuer, clients: 'gateway-a' })
    const person = enrichedToken({ iss: 'https://other.example' })
    const lines = call({ machine: machineToken(), person })
    await expectRefused(server, lines, { code: 'BIND', reason: 'binding_client' })
  })

  it('are refused: a user of another tenant than the gateway', async () => {
    const lines = (org_id: string): Lines =>
      call({ machine: machineToken({ org_id }), person: enrichedToken() })
    const server = await start()
    await expectAccepted(server, lines('acme'))
    await expectRefused(server, lines('globex'), { code: 'BIND', reason: 'binding_tenant' })
  })

  it('are refused from a client that may not vouch, which identifies only itself', async () => {
    const reporting = { client_id: 'reporting', sub: 'reporting' }
    const server = await start({ gatewayMayList: true })
    const machine = machineToken(reporting)
    const lines = call({ machine, person: enrichedToken(reporting) })
    await expectRefused(server, lines, { code: 'TOK', reason: 'client' })
    await expectAccepted(server, call({ machine }))
    expect(whoIs(server.handled.at(-1))).toMatchObject({ kind: 'service', subject: 'reporting' })
  })
})

describe('one bad token beside a good one', () => {
  const rows: readonly (readonly [string, Changes, MintChanges, string])[] = [
    ['expired', { exp: now - 60 }, {}, 'expired'],
    ['for another server', { aud: 'https://other.example' }, {}, 'audience'],
    ['of another issuer', { iss: 'https://other.example' }, {}, 'issuer_unknown'],
    ['of another client', { client_id: 'stranger' }, {}, 'client'],
    ['forged', {}, forged, 'signature'],
  ]

  it.each(rows)('is refused: %s', async (_variant, claims, changes, reason) => {
    const server = await start()
    const beside = call({ machine: machineToken(), person: enrichedToken(claims, changes) })
    await expectRefused(server, beside, { code: 'TOK', reason })
    const own = call({ machine: machineToken(claims, changes), person: enrichedToken() })
    await expectRefused(server, own, { code: 'TOK', reason })
  })

  it('is refused: a user’s own token in the header', async () => {
    const own = call({ machine: machineToken(), person: personToken() })
    await expectRefused(await start(), own, { code: 'TOK', reason: 'issuer_unknown' })
    const ofMachines = personToken({ iss: gatewayName, sub: 'ada' }, forged)
    const lines = call({ machine: machineToken(), person: ofMachines })
    await expectRefused(await start(), lines, { code: 'TOK', reason: 'key_unknown' })
  })

  it.each([
    ['nobody', {}, 'obo_missing'],
    ['no object', 7, 'enriched_claim'],
    ['an object without a subject', { username: 'ada' }, 'enriched_claim'],
  ])('is refused: the header names %s', async (_variant, onBehalfOf, reason) => {
    const server = await start({ gatewayMayList: true })
    const lines = call({ machine: machineToken(), person: enrichedToken({ onBehalfOf }) })
    await expectRefused(server, lines, {
      code: reason === 'obo_missing' ? 'MISSING' : 'TOK',
      reason,
    })
  })

  it('is refused: the header twice, or in two spellings', async () => {
    const server = await start()
    const twice: Lines = [...goodCall(), [userHeader, enrichedToken()]]
    await expectRefused(server, twice, { code: 'REQ', reason: 'duplicate_header' })
    const spelled: Lines = [...goodCall(), [userHeader.replaceAll('-', '_'), enrichedToken()]]
    await expectRefused(server, spelled, { code: 'REQ', reason: 'two_spellings' })
  })
})

it('ends the identity with the first of both tokens', async () => {
  const server = await start()
  for (const [own, beside] of [
    [120, 7200],
    [7200, 120],
  ] as const) {
    const machine = machineToken({ exp: now + own })
    const person = enrichedToken({ exp: now + beside })
    await expectAccepted(server, call({ machine, person }))
    expect(server.handled.at(-1)?.expiresAt).toBe(now + 120)
  }
})

it.each([
  ['the gateway’s own token', { tokenId: 'token-1' }],
  ['the token with the user', { tokenId: 'enriched-1' }],
])('refuses what was revoked: %s', async (_variant, revoked) => {
  const server = { ...(await start()), good: undefined }
  await expectAccepted(server, goodCall())
  await server.authenticator.revoke({ issuer: gatewayName, ...revoked })
  await expectRefused(server, goodCall(), { code: 'TOK', reason: 'revoked' })
})

it('reads flat claims in the header as well', async () => {
  const source = enriched({
    issuer: gatewayIssuer(),
    header: userHeader,
    claimMap: { subject: 'user_id', organization: 'customer_id' },
  })
  const server = await startServer({ sources: [source] })
  const flat = machineToken({ user_id: 'ada', customer_id: 'acme', jti: '2' })
  await expectAccepted(server, call({ machine: machineToken(), person: flat }))
  expect(server.handled.at(-1)).toMatchObject({ subject: 'ada', organization: { id: 'acme' } })
  const lines = call({ machine: machineToken(), person: machineToken({ jti: '2' }) })
  await expectRefused(server, lines, { code: 'MISSING', reason: 'obo_missing' })
})

it.each([
  ['Authorization', 'header must not be Authorization'],
  ['x_user', 'header is not a valid header name'],
  ['', 'header is not a valid header name'],
])('cannot be %j', (header, message) => {
  const issuer = gatewayIssuer()
  expect(() => enriched({ issuer, userClaim: 'onBehalfOf', header })).toThrow(
    new TypeError(message),
  )
})
