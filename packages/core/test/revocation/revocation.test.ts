import {
  createAuthenticator,
  direct,
  enriched,
  forwarded,
  IdentityError,
  introspected,
  memoryStore,
  plainHeaders,
  type Revocation,
  type Store,
  sharedSecret,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { activeToken, issuerName, startEndpoint } from '../issuer/introspection/endpoint.ts'
import {
  createGateway,
  createPeople,
  gatewayClient,
  gatewayIssuer,
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

describe('a revoked token', () => {
  it('is refused from the next request on, and no other', async () => {
    const server = startDirect()
    const [first, second] = [await people.token({ jti: 'a' }), await people.token({ jti: 'b' })]
    expect(await server.verdict(bearer(first))).toBe('jane')
    await server.revoke({ issuer: peopleIssuer, tokenId: 'a' })
    expect(await server.verdict(bearer(first))).toBe(revoked)
    expect(await server.verdict(bearer(second))).toBe('jane')
  })

  it('is refused in every spelling of its signature', async () => {
    const server = startDirect()
    await server.revoke({ issuer: peopleIssuer, tokenId: 'a' })
    const [one, two] = [await people.token({ jti: 'a' }), await people.token({ jti: 'a' })]
    expect(one).not.toBe(two)
    expect([await server.verdict(bearer(one)), await server.verdict(bearer(two))]).toEqual([
      revoked,
      revoked,
    ])
  })

  it('is refused whenever it was issued', async () => {
    const server = startDirect()
    await server.revoke({ issuer: peopleIssuer, tokenId: 'a' })
    server.setTime(now + 100)
    const late = await people.token({ jti: 'a', iat: now + 100 })
    expect(await server.verdict(bearer(late))).toBe(revoked)
  })

  it('of one issuer is not that of another with the same id', async () => {
    const server = startDirect()
    for (const issuer of [gatewayIssuer, `${peopleIssuer}/`, 'https://people.example.co']) {
      await server.revoke({ issuer, tokenId: 'person-token-1' })
      await server.revoke({ issuer, subject: 'jane' })
      await server.revoke({ issuer, sessionId: 's-1' })
    }
    const token = await people.token({ sid: 's-1' })
    expect(await server.verdict(bearer(token))).toBe('jane')
  })

  it('does not revoke a session or a subject of that name', async () => {
    const server = startDirect()
    await server.revoke({ issuer: peopleIssuer, tokenId: 'x' })
    const token = await people.token({ sub: 'x', sid: 'x', jti: 'y' })
    expect(await server.verdict(bearer(token))).toBe('x')
  })

  it('is refused where it was accepted before, through what was kept of its introspection', async () => {
    const endpoint = await startEndpoint(activeToken({ jti: 'a' }))
    const server = start([direct({ issuer: introspected(endpoint.options()) })])
    expect(await server.verdict(bearer('opaque'))).toBe('jane')
    await server.revoke({ issuer: issuerName, tokenId: 'a' })
    expect(await server.verdict(bearer('opaque'))).toBe(revoked)
    expect(endpoint.questions).toHaveLength(1)
  })
})

describe('a revoked session', () => {
  it('takes all of its tokens along, and those of no other session', async () => {
    const server = startDirect()
    await server.revoke({ issuer: peopleIssuer, sessionId: 's-1' })
    const tokens = ['s-1', 's-1', 's-2'].map((sid, n) => people.token({ sid, jti: `t-${n}` }))
    const verdicts = (await Promise.all(tokens)).map((token) => server.verdict(bearer(token)))
    expect(await Promise.all(verdicts)).toEqual([revoked, revoked, 'jane'])
  })

  it('takes tokens along that were issued later', async () => {
    const server = startDirect()
    await server.revoke({ issuer: peopleIssuer, sessionId: 's-1' })
    server.setTime(now + 100)
    const late = await people.token({ sid: 's-1', iat: now + 100 })
    expect(await server.verdict(bearer(late))).toBe(revoked)
  })

  it('leaves tokens alone that name no session, as long as nobody says whose it is', async () => {
    const server = startDirect()
    await server.revoke({ issuer: peopleIssuer, sessionId: 's-1' })
    expect(await server.verdict(bearer(await people.token()))).toBe('jane')
  })

  it('takes tokens of its subject along that name no session, where that is asked', async () => {
    const server = startDirect()
    await server.revoke({ issuer: peopleIssuer, sessionId: 's-1', subjectWithoutSession: 'jane' })
    const [without, empty, other, foreign] = await Promise.all([
      people.token(),
      people.token({ sid: '' }),
      people.token({ sid: 's-2' }),
      people.token({ sub: 'joe' }),
    ])
    expect(await server.verdict(bearer(without))).toBe(revoked)
    expect(await server.verdict(bearer(empty))).toBe(revoked)
    expect(await server.verdict(bearer(other))).toBe('jane')
    expect(await server.verdict(bearer(foreign))).toBe('joe')
  })
})

describe('a revoked subject', () => {
  it('loses what it was issued so far, and nothing that is issued later', async () => {
    const server = startDirect()
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    const [before, other] = [await people.token(), await people.token({ sub: 'joe' })]
    expect(await server.verdict(bearer(before))).toBe(revoked)
    expect(await server.verdict(bearer(other))).toBe('joe')
    server.setTime(now + 60)
    const after = await people.token({ iat: now + 6 })
    expect(await server.verdict(bearer(after))).toBe('jane')
    expect(await server.verdict(bearer(before))).toBe(revoked)
  })

  it('loses what an issuer whose clock is ahead has just issued', async () => {
    const server = startDirect()
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    const token = await people.token({ iat: now + 5 })
    expect(await server.verdict(bearer(token))).toBe(revoked)
  })

  it('loses every token that does not say when it was issued', async () => {
    const issuer = people.issuer({ acceptMissingIat: { longestLifeSeconds: 3600 } })
    const server = start([direct({ issuer })])
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    const token = await people.token({ iat: undefined })
    server.setTime(now + 100)
    expect(await server.verdict(bearer(token))).toBe(revoked)
  })

  it('may be revoked again, for what was issued since', async () => {
    const server = startDirect()
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    server.setTime(now + 60)
    const token = await people.token({ iat: now + 30 })
    expect(await server.verdict(bearer(token))).toBe('jane')
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    expect(await server.verdict(bearer(token))).toBe(revoked)
  })

  it('is known by `sub`, also where the identity has another subject', async () => {
    const issuer = people.issuer({ claimMap: { subject: 'oid' } })
    const server = start([direct({ issuer })])
    const token = await people.token({ oid: 'o-1' })
    expect(await server.verdict(bearer(token))).toBe('o-1')
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    expect(await server.verdict(bearer(token))).toBe(revoked)
  })

  it('is known by the subject of its identity', async () => {
    const issuer = people.issuer({ claimMap: { subject: 'oid' } })
    const server = start([direct({ issuer })])
    await server.revoke({ issuer: peopleIssuer, subject: 'o-1' })
    expect(await server.verdict(bearer(await people.token({ oid: 'o-1' })))).toBe(revoked)
  })
})

describe('behind a gateway', () => {
  const startForwarded = () =>
    start([
      forwarded({
        header: 'x-user-token',
        issuer: people.issuer(),
        gateway: gateway.issuer(),
        bind: 'audience',
      }),
    ])

  async function forwardedHeaders() {
    return {
      authorization: `Bearer ${await gateway.token()}`,
      'x-user-token': await people.token({ sid: 's-1' }),
    }
  }

  const revocations: readonly (readonly [string, Revocation])[] = [
    ["the person's token", { issuer: peopleIssuer, tokenId: 'person-token-1' }],
    ["the person's session", { issuer: peopleIssuer, sessionId: 's-1' }],
    ['the person', { issuer: peopleIssuer, subject: 'jane' }],
    ["the gateway's token", { issuer: gatewayIssuer, tokenId: 'machine-token-1' }],
    ['the gateway', { issuer: gatewayIssuer, subject: gatewayClient }],
  ]
  it.each(revocations)('a forwarded person is refused with %s', async (_what, revocation) => {
    const server = startForwarded()
    const headers = await forwardedHeaders()
    expect(await server.verdict(headers)).toBe('jane')
    await server.revoke(revocation)
    expect(await server.verdict(headers)).toBe(revoked)
  })

  const startEnriched = () =>
    start([enriched({ issuer: gateway.issuer(), userClaim: 'onBehalfOf' })])
  const person = { sub: 'jane', iss: peopleIssuer, sid: 's-1', jti: 'person-token-1' }

  it.each(revocations)(
    'a person inside a machine token is refused with %s',
    async (_what, revocation) => {
      const server = startEnriched()
      const headers = bearer(await gateway.token({ onBehalfOf: person }))
      expect(await server.verdict(headers)).toBe('jane')
      await server.revoke(revocation)
      expect(await server.verdict(headers)).toBe(revoked)
    },
  )

  it('a revoked person takes nobody else along', async () => {
    const server = startEnriched()
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    const other = await gateway.token({ onBehalfOf: { ...person, sub: 'joe' } })
    const namesake = await gateway.token({ onBehalfOf: { ...person, iss: 'https://b.example' } })
    expect(await server.verdict(bearer(other))).toBe('joe')
    expect(await server.verdict(bearer(namesake))).toBe('jane')
  })

  it.each([
    ['no time of issue', {}],
    ['the time of an earlier sign-in', { iat: now - 600 }],
    ['an earlier time in milliseconds', { iat: (now - 600) * 1000 }],
    ['a later time', { iat: now + 60 }],
    ['a time as text', { iat: String(now + 60) }],
  ])('a user inside a machine token stays away, with %s in the claim', async (_, claims) => {
    const server = startEnriched()
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    server.setTime(now + 60)
    const onBehalfOf = { ...person, ...claims }
    const later = await gateway.token({ onBehalfOf, jti: 'later', iat: now + 60 })
    expect(await server.verdict(bearer(later))).toBe(revoked)
    server.setTime(now + 86_400)
    const nextDay = await gateway.token({ onBehalfOf, iat: now + 86_400, exp: now + 86_700 })
    expect(await server.verdict(bearer(nextDay))).toBe(revoked)
  })

  it('a user inside a machine token is known by the `sub` of the token they signed in with', async () => {
    const server = startEnriched()
    const onBehalfOf = { sub: 'object-id-of-jane', original_sub: 'jane', iss: peopleIssuer }
    const headers = bearer(await gateway.token({ onBehalfOf }))
    expect(await server.verdict(headers)).toBe('object-id-of-jane')
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    expect(await server.verdict(headers)).toBe(revoked)
  })

  it('a user inside a machine token is refused with what their identity says of the token', async () => {
    const sources = [enriched({ issuer: gateway.issuer(), userClaim: 'onBehalfOf' })]
    const server = start(sources)
    const headers = bearer(await gateway.token({ onBehalfOf: person }))
    const { issuer, tokenId = '' } = await server.authenticator.authenticate({ headers })
    expect([issuer, tokenId]).toEqual([peopleIssuer, 'machine-token-1'])
    await server.revoke({ issuer, tokenId })
    expect(await server.verdict(headers)).toBe(revoked)
    const next = await gateway.token({ onBehalfOf: person, jti: 'machine-token-2' })
    expect(await server.verdict(bearer(next))).toBe('jane')
  })

  it('a person that headers name is refused for a day', async () => {
    const secret = 'a-secret-of-the-gateway-that-is-long-enough'
    const proof = sharedSecret({ header: 'x-gateway-secret', secret })
    const server = start([
      plainHeaders({ headers: { subject: 'x-user' }, iss: peopleIssuer, proof }),
    ])
    const headers = { 'x-user': 'jane', 'x-gateway-secret': secret }
    expect(await server.verdict(headers)).toBe('jane')
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    expect(await server.verdict(headers)).toBe(revoked)
    expect(await server.verdict({ ...headers, 'x-user': 'joe' })).toBe('joe')
    server.setTime(now + 86_400)
    expect(await server.verdict(headers)).toBe(revoked)
  })
})

describe('a revocation', () => {
  it('outlives every token that it covers', async () => {
    const issuer = people.issuer({ maxLifetimeSeconds: 90 * 86_400, clockSkewSeconds: 60 })
    const server = start([direct({ issuer })])
    const life = 90 * 86_400 + 60
    const token = await people.token({ iat: now, exp: now + life })
    expect(await server.verdict(bearer(token))).toBe('jane')
    await server.revoke({ issuer: peopleIssuer, tokenId: 'person-token-1' })
    server.setTime(now + life + 59)
    expect(await server.verdict(bearer(token))).toBe(revoked)
    server.setTime(now + life + 60)
    expect(await server.verdict(bearer(token))).toBe('401 expired')
  })

  it('outlives tokens of an issuer without a limit', async () => {
    const server = start([direct({ issuer: people.issuer({ maxLifetimeSeconds: null }) })])
    const year = 365 * 86_400
    const token = await people.token({ exp: now + 2 * year })
    await server.revoke({ issuer: peopleIssuer, subject: 'jane' })
    server.setTime(now + year)
    expect(await server.verdict(bearer(token))).toBe(revoked)
  })

  it('is not outlived by a token that is accepted only towards its end', async () => {
    const server = startDirect()
    const token = await people.token({ exp: now + 3 * 86_400 })
    await server.revoke({ issuer: peopleIssuer, tokenId: 'person-token-1' })
    server.setTime(now + 2.5 * 86_400)
    expect(await server.verdict(bearer(token))).toBe('401 lifetime')
  })

  it('holds in every process that shares the store', async () => {
    const revocations = memoryStore()
    const [first, second] = [startDirect({ revocations }), startDirect({ revocations })]
    await first.revoke({ issuer: peopleIssuer, subject: 'jane' })
    expect(await second.verdict(bearer(await people.token()))).toBe(revoked)
  })

  it('holds without a store, in this process', async () => {
    const authenticator = createAuthenticator({
      resource,
      sources: [direct({ issuer: people.issuer() })],
      clock: () => now,
    })
    const headers = bearer(await people.token())
    expect(await authenticator.authenticate({ headers })).toMatchObject({ subject: 'jane' })
    await authenticator.revoke({ issuer: peopleIssuer, subject: 'jane' })
    await expect(authenticator.authenticate({ headers })).rejects.toMatchObject({
      code: 'TOK',
      reason: 'revoked',
    })
  })

  it('covers everything where its entry is damaged', async () => {
    const store: Store = { ...memoryStore(), get: () => Promise.resolve('damaged') }
    const server = startDirect({ revocations: store })
    expect(await server.verdict(bearer(await people.token()))).toBe(revoked)
  })

  it('leaves no name of a person in the store', async () => {
    const written: string[] = []
    const inner = memoryStore()
    const store: Store = {
      ...inner,
      set: (key, value, ttlSeconds) => {
        written.push(key, value)
        return inner.set(key, value, ttlSeconds)
      },
    }
    const server = startDirect({ revocations: store })
    await server.revoke({ issuer: peopleIssuer, sessionId: 'session-of-jane', subject: 'jane' })
    expect(written).toHaveLength(4)
    for (const text of written) expect(text).toMatch(/^(revoked:[\w-]{43}|always|\d+)$/)
  })

  it.each([
    ['nothing', {}],
    ['no object', 'jane'],
    ['null', null],
    ['no issuer', { tokenId: 'a' }],
    ['an empty issuer', { issuer: '', tokenId: 'a' }],
    ['an issuer and nothing else', { issuer: peopleIssuer }],
    ['an empty id', { issuer: peopleIssuer, tokenId: '' }],
    ['an id that is absent', { issuer: peopleIssuer, tokenId: undefined }],
    [
      'a subject beside an id that is absent',
      { issuer: peopleIssuer, subject: 'a', tokenId: undefined },
    ],
    ['a number', { issuer: peopleIssuer, subject: 17 }],
    ['an empty session', { issuer: peopleIssuer, sessionId: '', subject: 'jane' }],
    ['a session of an empty subject', { issuer: peopleIssuer, sessionId: 's', subject: '' }],
  ])('that names %s is a mistake, and not silently without effect', async (_what, revocation) => {
    await expect(startDirect().revoke(revocation as Revocation)).rejects.toThrow(
      new TypeError('A revocation names its issuer and a tokenId, a sessionId or a subject'),
    )
  })
})

describe('a store of revocations', () => {
  const failing: Store = {
    add: () => Promise.reject(new Error('no connection')),
    set: () => Promise.reject(new Error('no connection')),
    get: () => Promise.reject(new Error('no connection')),
  }

  it('that fails refuses everybody without blaming them', async () => {
    const server = startDirect({ revocations: failing })
    expect(await server.verdict(bearer(await people.token()))).toBe('503 store_unavailable')
  })

  it('that fails does not turn a bad token into an outage', async () => {
    const server = startDirect({ revocations: failing })
    const expired = await people.token({ exp: now - 60 })
    expect(await server.verdict(bearer(expired))).toBe('401 expired')
  })

  it('that fails does not keep a revocation, and says so', async () => {
    const server = startDirect({ revocations: failing })
    const error = await server
      .revoke({ issuer: peopleIssuer, subject: 'jane' })
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(IdentityError)
    expect(error).toMatchObject({ code: 'DOWN', reason: 'store_unavailable' })
  })

  it('that is full does not keep a revocation, and says so', async () => {
    const server = startDirect({ revocations: memoryStore({ maxEntries: 1 }) })
    await server.revoke({ issuer: peopleIssuer, tokenId: 'a' })
    await expect(server.revoke({ issuer: peopleIssuer, tokenId: 'b' })).rejects.toMatchObject({
      code: 'DOWN',
    })
  })
})
