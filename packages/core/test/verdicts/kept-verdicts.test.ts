import {
  type AuthenticatorOptions,
  type Confirmation,
  createAuthenticator,
  direct,
  dpop,
  enriched,
  forwarded,
  type Identity,
  type IdentityError,
  type KeySource,
  memoryStore,
  type Source,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { staticKeys } from '../../src/keys/key-set.ts'
import { createHolder, dpopHeaders } from '../proof-of-possession/holder.ts'
import { startResourceServer } from '../support/resource-server.ts'
import { createSigner } from '../support/signer.ts'
import {
  bearer,
  createGateway,
  createPeople,
  createRecorder,
  gatewayClient,
  now,
  type Party,
  resource,
} from '../support/world.ts'

let people: Party
let gateway: Party
beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
})

type Options = Partial<AuthenticatorOptions<readonly Source[]>>

function create(options: Options = {}) {
  let time = now
  const authenticator = createAuthenticator({
    resource,
    clock: () => time,
    sources: [direct({ issuer: people.issuer() })] as readonly Source[],
    ...options,
  })
  const reasonOf = (headers: object): Promise<unknown> =>
    authenticator.authenticate({ headers: headers as never }).then(
      ({ subject }) => subject,
      (error: IdentityError) => `${error.code} ${error.reason}`,
    )
  return {
    authenticator,
    reasonOf,
    at: (seconds: number): void => {
      time = seconds
    },
  }
}

/** Whether a second request with the same credentials was given the very same identity. */
async function isKept(options: Options, request = bearer('')): Promise<boolean> {
  const { authenticator } = create(options)
  const [one, other] = [
    await authenticator.authenticate(request),
    await authenticator.authenticate(request),
  ]
  expect(other).toEqual(one)
  return one === other
}

describe('a token that comes again', () => {
  it('is given the same frozen identity', async () => {
    const request = bearer(await people.token({ roles: ['reader'] }))
    expect(await isKept({}, request)).toBe(true)
    const { authenticator } = create()
    const { roles } = await authenticator.authenticate(request)
    expect(() => (roles as string[]).push('admin')).toThrow(TypeError)
    expect((await authenticator.authenticate(request)).roles).toEqual(['reader'])
  })

  it('is verified every time where nothing is kept', async () => {
    expect(await isKept({ cache: null }, bearer(await people.token()))).toBe(false)
  })

  it('is refused from the moment on at which it expires, and not a moment before', async () => {
    const { reasonOf, at } = create()
    const { headers } = bearer(await people.token())
    expect(await reasonOf(headers)).toBe('jane')
    at(now + 329)
    expect(await reasonOf(headers)).toBe('jane')
    at(now + 330)
    expect(await reasonOf(headers)).toBe('TOK expired')
  })

  it('is refused when the clock is set back before its beginning', async () => {
    const { reasonOf, at } = create()
    const { headers } = bearer(await people.token({ nbf: now - 10 }))
    expect(await reasonOf(headers)).toBe('jane')
    at(now - 41)
    expect(await reasonOf(headers)).toBe('TOK not_yet_valid')
    at(now)
    expect(await reasonOf(headers)).toBe('jane')
  })

  it('is accepted once it is valid, after it was not yet', async () => {
    const { reasonOf, at } = create()
    const { headers } = bearer(await people.token({ nbf: now + 100 }))
    expect(await reasonOf(headers)).toBe('TOK not_yet_valid')
    at(now + 100)
    expect(await reasonOf(headers)).toBe('jane')
  })

  it.each([
    ['in the memory of the process', {}],
    ['in a shared store', { revocations: memoryStore() }],
  ])('is refused on the very next request after it was revoked %s', async (_, options) => {
    const { authenticator, reasonOf } = create(options)
    const { headers } = bearer(await people.token())
    const identity = await authenticator.authenticate({ headers })
    expect(await reasonOf(headers)).toBe('jane')
    await authenticator.revoke(identity as Identity<unknown>)
    expect(await reasonOf(headers)).toBe('TOK revoked')
  })

  it('is found by all of it: one changed byte is another token', async () => {
    const { reasonOf } = create()
    const token = await people.token()
    expect(await reasonOf(bearer(token).headers)).toBe('jane')
    for (let at = 0; at < token.length; at += 17) {
      const other = token[at] === 'A' ? 'B' : 'A'
      const changed = `${token.slice(0, at)}${other}${token.slice(at + 1)}`
      expect(await reasonOf(bearer(changed).headers)).toMatch(/^TOK /)
    }
    const [header, payload] = token.split('.')
    expect(await reasonOf(bearer(`${header}.${payload}.`).headers)).toMatch(/^TOK /)
  })

  it('is another credential under another scheme, and beside another header', async () => {
    const sources = [
      direct({ issuer: people.issuer() }),
      forwarded({
        header: 'x-user-token',
        issuer: people.issuer(),
        gateway: gateway.issuer(),
        bind: 'audience',
      }),
    ] as readonly Source[]
    const { reasonOf } = create({ sources })
    const token = await people.token()
    expect(await reasonOf(bearer(token).headers)).toBe('jane')
    expect(await reasonOf({ authorization: `DPoP ${token}` })).toBe('TOK sender_constrained')
    expect(await reasonOf({ ...bearer(token).headers, 'x-user-token': token })).not.toBe('jane')
    expect(await reasonOf({ ...bearer(token).headers, 'x-user-token': '' })).not.toBe('jane')
    expect(await reasonOf({ 'x-user-token': token })).not.toBe('jane')
  })

  it('says nothing to an authenticator with another audience', async () => {
    const { headers } = bearer(await people.token())
    const other = create({ sources: [direct({ issuer: people.issuer({ audience: 'other' }) })] })
    expect(await create().reasonOf(headers)).toBe('jane')
    expect(await other.reasonOf(headers)).toBe('TOK audience')
  })

  it('is reported as accepted every time', async () => {
    const { events, onEvent } = createRecorder()
    const { authenticator } = create({ onEvent })
    const request = bearer(await people.token())
    for (let at = 0; at < 3; at++) await authenticator.authenticate(request)
    const accepted = { type: 'accepted', source: 'direct' }
    expect(events.filter(({ type }) => type === 'accepted')).toEqual([accepted, accepted, accepted])
  })
})

describe('a key', () => {
  it('that its issuer withdrew ends what it verified, within the age of the set', async () => {
    const [first, second] = [await createSigner('first'), await createSigner('second')]
    let keys = [first.jwk, second.jwk]
    let seconds = 0
    const fetchSet = async (): Promise<Response> => Response.json({ keys })
    const issuer = people.issuer({
      keys: { jwksUri: 'https://people.example.com/jwks' },
      fetch: vi.fn<typeof fetch>(fetchSet),
      monotonic: () => seconds,
      maxAgeSeconds: 60,
    })
    const server = await startResourceServer({ sources: [direct({ issuer })] })
    const token = await first.sign(JSON.parse(atobUrl(await people.token())) as object)
    const call = (): Promise<unknown> => server.verdict(bearer(token))
    expect(await call()).toMatchObject({ subject: 'jane' })
    keys = [second.jwk]
    seconds = 30
    expect(await call()).toMatchObject({ subject: 'jane' })
    seconds = 61
    // The first call after that age has the set fetched, and need not wait for it.
    await call()
    await vi.waitFor(
      async () => expect(await call()).toMatchObject({ reason: 'key_unknown' }),
      30_000,
    )
  })

  it('that is still in a set which was fetched again continues to vouch', async () => {
    let seconds = 0
    const fetched = vi.fn<typeof fetch>(async () => Response.json(people.signer.jwks))
    const issuer = people.issuer({
      keys: { jwksUri: 'https://people.example.com/jwks' },
      fetch: fetched,
      monotonic: () => seconds,
      maxAgeSeconds: 60,
    })
    const { authenticator } = create({ sources: [direct({ issuer })] })
    const request = bearer(await people.token())
    const first = await authenticator.authenticate(request)
    seconds = 1_000
    expect(await authenticator.authenticate(request)).toBe(first)
    expect(fetched).toHaveBeenCalledTimes(2)
  })

  it('of a source that cannot say whether it still holds it verifies every time', async () => {
    const kept = staticKeys(people.signer.jwks)
    const find = vi.fn<KeySource['find']>((query, report) => kept.find(query, report))
    const keys: KeySource = { find, ready: async () => {} }
    const sources = [direct({ issuer: people.issuer({ keys }) })] as readonly Source[]
    expect(await isKept({ sources }, bearer(await people.token()))).toBe(false)
    expect(find).toHaveBeenCalledTimes(2)
  })
})

describe('what is not kept', () => {
  it('is a source that was built around another one', async () => {
    const usual = direct({ issuer: people.issuer() })
    const around: Source = { ...usual, identify: (...input) => usual.identify(...input) }
    expect(await isKept({ sources: [around] }, bearer(await people.token()))).toBe(false)
  })

  it('is an issuer that was built around another one', async () => {
    const usual = people.issuer()
    const around = { ...usual, verify: usual.verify.bind(usual) }
    const sources = [direct({ issuer: around })] as readonly Source[]
    expect(await isKept({ sources }, bearer(await people.token()))).toBe(false)
  })

  it('is the answer of a schema that asks another party', async () => {
    const schema = z.object({ sub: z.string() }).refine(async () => true)
    const sources = [direct({ issuer: people.issuer({ schema }) })] as never
    expect(await isKept({ sources }, bearer(await people.token()))).toBe(false)
  })

  it('is what a schema made that a handler could change', async () => {
    const schema = z.object({ iat: z.number().transform((seconds) => new Date(seconds * 1000)) })
    const sources = [direct({ issuer: people.issuer({ schema }) })] as never
    expect(await isKept({ sources }, bearer(await people.token()))).toBe(false)
    const plain = [direct({ issuer: people.issuer({ schema: z.object({ iat: z.number() }) }) })]
    expect(await isKept({ sources: plain as never }, bearer(await people.token()))).toBe(true)
  })

  it('is who presented a token first', async () => {
    const source = forwarded({
      header: 'x-user-token',
      issuer: people.issuer(),
      gateway: gateway.issuer(),
      bind: 'audience',
      presented: memoryStore(),
    })
    const request = bearer(await gateway.token(), { 'x-user-token': await people.token() })
    expect(await isKept({ sources: [source] }, request)).toBe(false)
  })
})

describe('a gateway that forwards', () => {
  it.each([
    [
      'a token of the user',
      () =>
        forwarded({
          header: 'x-user-token',
          issuer: people.issuer(),
          gateway: gateway.issuer(),
          bind: 'audience',
        }),
      async () => ({ 'x-user-token': await people.token() }),
    ],
    [
      'the user inside its own token',
      () => enriched({ issuer: gateway.issuer(), userClaim: 'user', header: 'x-call-token' }),
      async () => ({ 'x-call-token': await gateway.token({ jti: 'b', user: { sub: 'jane' } }) }),
    ],
  ])('is known with %s, until either token is revoked', async (_, source, headers) => {
    const request = bearer(await gateway.token(), await headers())
    const sources = [source()] as readonly Source[]
    expect(await isKept({ sources }, request)).toBe(true)
    const { authenticator, reasonOf } = create({ sources })
    expect(await reasonOf(request.headers)).toBe('jane')
    await authenticator.revoke({ issuer: 'https://gateway.example.com', subject: gatewayClient })
    expect(await reasonOf(request.headers)).toBe('TOK revoked')
  })
})

describe('a bound token that comes again', () => {
  const confirmations = (): readonly Confirmation[] => [dpop({ store: memoryStore() })]

  it('needs a new proof every time', async () => {
    const holder = await createHolder()
    const token = await people.token({ cnf: { jkt: holder.jkt } })
    const server = await startResourceServer({
      sources: [direct({ issuer: people.issuer() })],
      confirmations: confirmations(),
    })
    const call = (headers: Readonly<Record<string, string>>) => server.verdict({ headers })
    const used = dpopHeaders(token, holder.proof(token))
    expect(await call(used)).toMatchObject({ subject: 'jane' })
    expect(await call(dpopHeaders(token, holder.proof(token)))).toMatchObject({ subject: 'jane' })
    expect(await call(used)).toMatchObject({ reason: 'dpop_replayed' })
    expect(await call(bearer(token).headers)).toMatchObject({ reason: 'sender_constrained' })
    expect(await call({ authorization: `DPoP ${token}` })).toMatchObject({ reason: 'dpop_missing' })
    const thief = await createHolder()
    const stolen = dpopHeaders(token, thief.proof(token))
    expect(await call(stolen)).toMatchObject({ reason: 'dpop_key' })
    expect(await call(dpopHeaders(token, holder.proof(token)))).toMatchObject({ subject: 'jane' })
  })
})

describe('requests at the same time', () => {
  it('with one new token share its verification', async () => {
    const { authenticator } = create()
    const request = bearer(await people.token())
    const all = await Promise.all(
      Array.from({ length: 20 }, () => authenticator.authenticate(request)),
    )
    expect(new Set(all).size).toBe(1)
  })

  it('with one bad token are each refused', async () => {
    const { reasonOf } = create()
    const [header, payload] = (await people.token()).split('.')
    const { headers } = bearer(`${header}.${payload}.${'A'.repeat(86)}`)
    const all = await Promise.all(Array.from({ length: 20 }, () => reasonOf(headers)))
    expect(all).toEqual(Array.from({ length: 20 }, () => 'TOK signature'))
  })
})

describe('limits', () => {
  it.each([
    [{ entries: 0, bytes: 1 }],
    [{ entries: Number.NaN, bytes: 1 }],
    [{ entries: Number.POSITIVE_INFINITY, bytes: 1 }],
    [{ entries: 1.5, bytes: 1 }],
    [{ entries: 1, bytes: -1 }],
    [{ entries: 1 }],
    [{ entries: 1, bytes: 1, seconds: 1 }],
    [undefined],
    [false],
    [100],
  ])('that are %o refuse to start', (cache) => {
    expect(() => create({ cache: cache as never })).toThrow(TypeError)
  })
})

function atobUrl(token: string): string {
  return Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
}
