import {
  createAuthenticator,
  direct,
  enriched,
  forwarded,
  gatewayToken,
  memoryStore,
  plainHeaders,
  type Revocation,
  type Source,
  type Store,
  signedHeader,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import {
  createGateway,
  createPeople,
  createRecorder,
  now,
  type Party,
  peopleIssuer,
  resource,
} from '../support/world.ts'
import { bearer, revoked, type Setup, start } from './server.ts'

let people: Party
let gateway: Party

beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
})

const startDirect = (setup?: Setup) => start([direct({ issuer: people.issuer() })], setup)

describe('a revocation that would do nothing', () => {
  it.each(['jti', 'sid', 'session', 'sub', 'subjct', 'user'])('names %s', async (name) => {
    const revocation = { issuer: peopleIssuer, subject: 'jane', [name]: 'jane' } as Revocation
    await expect(startDirect().revoke(revocation)).rejects.toThrow(
      new TypeError(`A revocation cannot name "${name}"`),
    )
  })
})

describe('a revocation of several things', () => {
  it.each<[string, Revocation]>([
    ['a token and its subject', { issuer: peopleIssuer, tokenId: 'a', subject: 'jane' }],
    ['a session and its subject', { issuer: peopleIssuer, sessionId: 's', subject: 'jane' }],
    ['a token and a session', { issuer: peopleIssuer, tokenId: 'b', sessionId: 's' }],
  ])('covers all of them: %s', async (_, revocation) => {
    const server = startDirect()
    await server.revoke(revocation)
    for (const claims of [
      { jti: 'a', sid: 's' },
      { jti: 'b', sid: 't' },
    ]) {
      expect(await server.verdict(bearer(await people.token(claims)))).toBe(revoked)
    }
  })
})

describe('a revoked identity', () => {
  const sign = (claims: object) => people.token({ jti: 'a', sid: 's-1', ...claims })

  it.each([
    ['its token', {}],
    ['its token, whenever it was issued', { iat: now + 60, sid: undefined }],
    ['another token of its subject', { jti: 'b', sid: 's-2' }],
    ['a later token of its session', { jti: 'b', iat: now + 60 }],
  ])('loses %s', async (_, claims) => {
    const server = startDirect()
    const headers = bearer(await sign({}))
    await server.revoke(await server.authenticator.authenticate({ headers }))
    server.setTime(now + 60)
    expect(await server.verdict(bearer(await sign(claims)))).toBe(revoked)
  })

  it('comes back with a new sign-in', async () => {
    const server = startDirect()
    const headers = bearer(await sign({}))
    await server.revoke(await server.authenticator.authenticate({ headers }))
    server.setTime(now + 60)
    const later = await sign({ jti: 'b', sid: 's-2', iat: now + 60 })
    expect(await server.verdict(bearer(later))).toBe('jane')
    expect(await server.verdict(bearer(await people.token({ sub: 'joe', jti: 'c' })))).toBe('joe')
  })

  it.each<[string, () => Source<unknown>, () => Promise<Readonly<Record<string, string>>>]>([
    [
      'enriched',
      () => enriched({ issuer: gateway.issuer(), userClaim: 'onBehalfOf' }),
      async () => bearer(await gateway.token({ onBehalfOf: { sub: 'jane', iss: peopleIssuer } })),
    ],
    [
      'forwarded',
      () =>
        forwarded({
          header: 'x-user-token',
          issuer: people.issuer(),
          gateway: gateway.issuer(),
          bind: 'audience',
        }),
      async () => ({
        ...bearer(await gateway.token()),
        'x-user-token': await people.token(),
      }),
    ],
    [
      'plainHeaders',
      () =>
        plainHeaders({
          headers: { subject: 'x-user' },
          iss: peopleIssuer,
          proof: gatewayToken(gateway.issuer()),
        }),
      async () => ({ ...bearer(await gateway.token()), 'x-user': 'jane' }),
    ],
  ])('is refused, from whichever source: %s', async (_, source, request) => {
    const server = start([source()])
    const headers = await request()
    await server.revoke(await server.authenticator.authenticate({ headers }))
    expect(await server.verdict(headers)).toBe(revoked)
  })
})

describe('an issuer with several names', () => {
  const second = `${peopleIssuer}/v2`
  const startNamed = () =>
    start([
      direct({ issuer: people.issuer({ iss: [peopleIssuer, second] }) }),
      enriched({ issuer: gateway.issuer(), userClaim: 'onBehalfOf' }),
    ])

  it.each([peopleIssuer, second])(
    'loses under all of them what is revoked under %s',
    async (issuer) => {
      const server = startNamed()
      const requests = await Promise.all([
        people.token(),
        people.token({ iss: second }),
        gateway.token({ onBehalfOf: { sub: 'jane', iss: peopleIssuer } }),
        gateway.token({ onBehalfOf: { sub: 'jane', iss: second } }),
      ])
      for (const token of requests) expect(await server.verdict(bearer(token))).toBe('jane')
      await server.revoke({ issuer, subject: 'jane' })
      for (const token of requests) expect(await server.verdict(bearer(token))).toBe(revoked)
    },
  )

  it('is one issuer of identities', async () => {
    const { authenticator } = startNamed()
    const token = await gateway.token({ onBehalfOf: { sub: 'jane', iss: second } })
    expect(await authenticator.authenticate({ headers: bearer(token) })).toMatchObject({
      principal: `["${peopleIssuer}","jane"]`,
    })
  })

  it('may be described twice, with another name first', async () => {
    const server = start([
      direct({ issuer: people.issuer({ iss: [peopleIssuer, second], audience: 'other' }) }),
      signedHeader({
        header: 'x-assertion',
        issuer: people.issuer({ iss: [second, peopleIssuer] }),
      }),
      enriched({ issuer: gateway.issuer(), userClaim: 'onBehalfOf' }),
    ])
    const token = await gateway.token({ onBehalfOf: { sub: 'jane', iss: second } })
    await server.revoke({ issuer: second, subject: 'jane' })
    expect(await server.verdict(bearer(token))).toBe(revoked)
  })
})

describe('processes whose clocks differ', () => {
  it.each([-30, -3600, 0])(
    'keep the later of two revocations, by %i seconds',
    async (difference) => {
      const revocations = memoryStore()
      const [ahead, behind] = [startDirect({ revocations }), startDirect({ revocations })]
      const token = await people.token({ iat: now - 10 })
      behind.setTime(now + difference)
      await ahead.revoke({ issuer: peopleIssuer, subject: 'jane' })
      await behind.revoke({ issuer: peopleIssuer, subject: 'jane' })
      expect(await ahead.verdict(bearer(token))).toBe(revoked)
    },
  )

  it('keep covering everything where an entry is damaged', async () => {
    const store = memoryStore()
    const revocations: Store = { ...store, set: (key, _, ttl) => store.set(key, 'damaged', ttl) }
    await startDirect({ revocations }).revoke({ issuer: peopleIssuer, subject: 'jane' })
    const server = startDirect({ revocations: store })
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    server.setTime(now + 60)
    expect(await server.verdict(bearer(await people.token({ iat: now + 60 })))).toBe(revoked)
  })
})

describe('tokens without a time of issue', () => {
  it('stay revoked for as long as the longest of them lives', async () => {
    const week = 7 * 86_400
    const issuer = people.issuer({ acceptMissingIat: { longestLifeSeconds: week } })
    const server = start([direct({ issuer })])
    const token = await people.token({ iat: undefined, jti: 'stolen', exp: now + week })
    await server.revoke({ issuer: peopleIssuer, tokenId: 'stolen' })
    await server.revoke({ issuer: peopleIssuer, subject: 'joe' })
    const other = await people.token({ iat: undefined, sub: 'joe', exp: now + week })
    server.setTime(now + week - 60)
    expect(await server.verdict(bearer(token))).toBe(revoked)
    expect(await server.verdict(bearer(other))).toBe(revoked)
  })
})

describe('a revocation without a shared store', () => {
  it('is reported once', async () => {
    const { events, onEvent } = createRecorder()
    const sources = [direct({ issuer: people.issuer() })]
    const authenticator = createAuthenticator({ resource, sources, onEvent })
    await authenticator.revoke({ issuer: peopleIssuer, subject: 'jane' })
    await authenticator.revoke({ issuer: peopleIssuer, subject: 'joe' })
    expect(events).toEqual([{ type: 'revocation_not_shared' }])
  })

  it('is not reported where a store is given', async () => {
    const { events, onEvent } = createRecorder()
    await startDirect({ onEvent }).revoke({ issuer: peopleIssuer, subject: 'jane' })
    expect(events).toEqual([])
  })

  it('is written to the console where nobody listens, once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const authenticator = createAuthenticator({
      resource,
      sources: [direct({ issuer: people.issuer() })],
    })
    await authenticator.revoke({ issuer: peopleIssuer, subject: 'jane' })
    await authenticator.revoke({ issuer: peopleIssuer, subject: 'joe' })
    expect(warn.mock.calls).toEqual([
      ['Onbehalf: without a shared `revocations` store, revoke holds in this process only'],
    ])
    warn.mockRestore()
  })
})
