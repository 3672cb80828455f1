import nodeCrypto from 'node:crypto'
import {
  type CacheLimits,
  createAuthenticator,
  direct,
  type Identity,
  introspected,
  issuer,
} from '@onbehalf/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { expectAccepted, expectRefused } from './support/expect-refused.ts'
import { startKeyServer } from './support/key-server.ts'
import { createKey, type SigningKey, signWith } from './support/keys.ts'
import { audience, issuerName, now, resource } from './support/names.ts'
import { bearer, type ProtectedServer, startDirect, startServer } from './support/server.ts'
import { encode, mint, segmentsOf } from './support/token.ts'

const key = createKey('ES256')
const other = createKey('ES256', 'other')
const token = mint(key)
// Nothing but the calls of the test itself may fill the cache.
const alone = { good: undefined as never }

/** Counts how often a signature is verified. */
function countVerifications(): () => number {
  const spy = vi.spyOn(nodeCrypto, 'verify')
  onTestFinished(() => spy.mockRestore())
  return () => spy.mock.calls.length
}

/** A server that knows the token from an earlier request. */
async function startKnowing(...setup: Parameters<typeof startDirect>): Promise<ProtectedServer> {
  const server = await startDirect(...setup)
  await expectAccepted(server, bearer(token))
  const verifications = countVerifications()
  await expectAccepted(server, bearer(token))
  expect(verifications()).toBe(0)
  return server
}

/** A server that knows the token and fetches its keys, and a clock for their age. */
async function startFetching() {
  const keys = await startKeyServer([key.jwk])
  let seconds = 0
  const options = { keys: { jwksUri: keys.url }, monotonic: () => seconds }
  const server = await startKnowing(key, options, alone)
  const pass = (more: number): void => {
    seconds += more
  }
  return { keys, server, pass }
}

describe('F1 a known token with another signature', () => {
  const [header, payload, signature] = segmentsOf(token)
  const bytes = Buffer.from(signature, 'base64url')
  const flipped = Buffer.from(bytes)
  flipped[7] = (flipped[7] ?? 0) ^ 1
  const signatures = [
    ['one bit flipped', encode(flipped)],
    ['of another token', segmentsOf(mint(key, { claims: { sub: 'eve' } }))[2]],
    ['by another key', encode(signWith(other, 'ES256')(`${header}.${payload}`))],
    ['cut', encode(bytes.subarray(0, 63))],
    ['all zeros', encode(Buffer.alloc(64))],
  ] as const

  it.each(signatures)('F1 refuses the same claims with a signature that is %s', async (_, sign) => {
    const server = await startKnowing(key)
    const forged = bearer(`${header}.${payload}.${sign}`)
    await expectRefused(server, forged, { code: 'TOK', reason: 'signature' })
  })

  it('F1 refuses other claims with the signature of a known token', async () => {
    const server = await startKnowing(key)
    const [, others] = segmentsOf(mint(key, { claims: { sub: 'eve' } }))
    const forged = bearer(`${header}.${others}.${signature}`)
    await expectRefused(server, forged, { code: 'TOK', reason: 'signature' })
  })
})

describe('F2 entries that collide', () => {
  it('F2 gives each of many tokens its own identity, however they are mixed', async () => {
    const authenticator = await authenticatorOf(key)
    const subjects = Array.from({ length: 200 }, (_, at) => `person-${at}`)
    const tokens = subjects.map((sub) => mint(key, { claims: { sub, jti: 'the same' } }))
    for (const round of [1, 2, 3]) {
      const found = await Promise.all(tokens.map((one) => authenticator(one)))
      expect([round, found.map(({ subject }) => subject)]).toEqual([round, subjects])
    }
  })

  it('F2 keeps what one issuer verified from another of the same name: one header has one', async () => {
    const named = (keys: readonly unknown[], clients: string) =>
      issuer({
        iss: issuerName,
        audience,
        kind: 'by-client',
        clients,
        algorithms: ['ES256'],
        keys: { jwks: { keys } },
      })
    const trusted = direct({ issuer: named([key.jwk], 'agent') })
    const impostor = direct({ issuer: named([other.jwk], 'agent') })
    for (const sources of [
      [trusted, impostor],
      [impostor, trusted],
    ]) {
      await expect(startServer({ ...alone, sources })).rejects.toThrow('two issuers of the name')
    }
  })
})

describe('F3 a verdict that is not true any more', () => {
  it.each([
    ['it expired', now + 300 + 31, 'expired'],
    ['the clock went back before it was issued', now - 10 - 31, 'bad_iat'],
  ])('F3 refuses a known token once %s', async (_, later, reason) => {
    let time = now
    const server = await startKnowing(key, {}, { ...alone, clock: () => time })
    time = later
    await expectRefused(server, bearer(token), { code: 'TOK', reason })
  })

  it('F3 refuses a known token once its key is withdrawn', async () => {
    const { keys, server, pass } = await startFetching()
    keys.publish([other.jwk])
    pass(86_400)
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'key_unknown' })
  })

  it('F3 takes a key that was loaded again and did not change for the same', async () => {
    const { keys, server, pass } = await startFetching()
    pass(86_400)
    const verifications = countVerifications()
    await expectAccepted(server, bearer(token))
    await expectAccepted(server, bearer(token))
    expect([keys.fetches, verifications()]).toEqual([2, 0])
  })

  it('F3 refuses a known token once the set has another key under its id', async () => {
    const { keys, server, pass } = await startFetching()
    keys.publish([createKey('ES256', String(key.jwk['kid'])).jwk])
    pass(86_400)
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'signature' })
  })

  it('F3 refuses a known token once it is revoked', async () => {
    const server = await startKnowing(key, {}, alone)
    await server.authenticator.revoke({ issuer: issuerName, tokenId: 'token-1' })
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'revoked' })
  })

  it('F3 answers 503 for a known token while its keys cannot be had', async () => {
    const { keys, server, pass } = await startFetching()
    keys.fail(500)
    pass(7 * 86_400)
    expect(await server.send(bearer(token))).toMatchObject({ status: 503 })
    // Those by which the server came to know it.
    expect(server.handled).toHaveLength(2)
  })
})

describe('F4 floods', () => {
  it('F4 loses no known token to a flood of tokens that are refused', async () => {
    const authenticator = await authenticatorOf(key)
    await authenticator(token)
    const [header, payload] = segmentsOf(token)
    const refused = async (text: string): Promise<void> =>
      expect(authenticator(text)).rejects.toMatchObject({ code: 'TOK' })
    for (let at = 0; at < 2_000; at++) {
      const signature = Buffer.alloc(64, at)
      signature.writeUInt32BE(at)
      await refused(`${header}.${payload}.${encode(signature)}`)
    }
    const verifications = countVerifications()
    await authenticator(token)
    expect(verifications()).toBe(0)
  })

  it('F4 loses no regular to a flood of accepted tokens that come once', async () => {
    const authenticator = await authenticatorOf(key, { entries: 100, bytes: 10_000_000 })
    await authenticator(token)
    await authenticator(token)
    for (let at = 0; at < 1_000; at++) {
      await authenticator(mint(key, { claims: { jti: `t${at}` } }))
      // A regular comes now and then.
      if (at % 50 === 0) await authenticator(token)
    }
    const verifications = countVerifications()
    await authenticator(token)
    expect(verifications()).toBe(0)
    // The first of the others had to go.
    await authenticator(mint(key, { claims: { jti: 't0' } }))
    expect(verifications()).toBe(1)
  })
})

describe('F5 other spellings of a known token', () => {
  const [header, payload, signature] = segmentsOf(token)
  const last = signature.at(-1) ?? ''
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const unusedBits = alphabet[alphabet.indexOf(last) + 1] ?? ''
  const spellings = [
    ['padding', `${token}==`, 'malformed_base64url'],
    ['unused bits', `${token.slice(0, -1)}${unusedBits}`, 'malformed_base64url'],
    ['a fourth segment', `${token}.`, 'malformed_segments'],
    ['an empty header', `.${payload}.${signature}`, 'malformed_header'],
    ['the header twice', `${header}.${header}.${payload}.${signature}`, 'malformed_segments'],
  ] as const

  it.each(spellings)('F5 refuses a known token with %s', async (_, spelling, reason) => {
    const server = await startKnowing(key)
    await expectRefused(server, bearer(spelling), { code: 'TOK', reason })
  })
})

it('F6 accepts a token that was not valid yet as soon as it is', async () => {
  let time = now
  const server = await startDirect(key, {}, { ...alone, clock: () => time })
  const early = bearer(mint(key, { claims: { nbf: now + 100 } }))
  await expectRefused(server, early, { code: 'TOK', reason: 'not_yet_valid' })
  time = now + 100
  await expectAccepted(server, early)
})

it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, '60'])(
  'F7 refuses to keep answers for %s seconds',
  (cacheSeconds) => {
    const options = {
      iss: issuerName,
      audience,
      kind: 'by-client',
      endpoint: 'https://idp.example/introspect',
    } as const
    const credentials = { clientId: 'me', clientSecret: 'secret' }
    const cache = { cacheSeconds: cacheSeconds as number }
    expect(() => introspected({ ...options, ...credentials, ...cache })).toThrow('cacheSeconds')
  },
)

it('F8 distinguishes servers of different audiences', async () => {
  const mine = await startKnowing(key, {}, alone)
  const others = await startDirect(key, { audience: 'https://other.example' }, alone)
  await expectRefused(others, bearer(token), { code: 'TOK', reason: 'audience' })
  await expectAccepted(mine, bearer(token))
  await expectRefused(others, bearer(token), { code: 'TOK', reason: 'audience' })
})

describe('F9 a handler that changes what it was given', () => {
  it('F9 leaves the next request of a known token unchanged', async () => {
    const authenticator = await authenticatorOf(key)
    const claims = { roles: ['reader'], org_id: { id: 'acme', roles: ['member'] } }
    const rich = mint(key, { claims })
    const first = await authenticator(rich)
    const before = structuredClone(first)
    const changes: (() => unknown)[] = [
      () => (first.roles as string[]).push('admin'),
      () => (first.claims['roles'] as string[]).push('admin'),
      () => Object.assign(first, { subject: 'eve' }),
      () => Object.assign(first.claims, { sub: 'eve' }),
      () => Object.assign(first.claims['org_id'] as object, { id: 'other' }),
      () => Object.assign(first.organization as object, { id: 'other' }),
    ]
    for (const change of changes) expect(change).toThrow(TypeError)
    expect(structuredClone(await authenticator(rich))).toEqual(before)
  })
})

/** Authenticates without a server in between: for many tokens. */
async function authenticatorOf(
  signing: SigningKey,
  cache: CacheLimits = { entries: 1_000, bytes: 10_000_000 },
): Promise<(text: string) => Promise<Identity<Readonly<Record<string, unknown>>>>> {
  const trusted = issuer({
    iss: issuerName,
    audience,
    kind: 'by-client',
    algorithms: [signing.algorithm],
    keys: { jwks: { keys: [signing.jwk] } },
  })
  const sources = [direct({ issuer: trusted })] as const
  const authenticator = createAuthenticator({ resource, sources, clock: () => now, cache })
  await authenticator.ready()
  return (text) => authenticator.authenticate({ headers: { authorization: `Bearer ${text}` } })
}
