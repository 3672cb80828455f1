import { sign } from 'node:crypto'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { tokenCases } from './support/corpus.ts'
import { expectAccepted, expectRefused } from './support/expect-refused.ts'
import { createKey, hmacWith, noSignature, publicJwk, signWith } from './support/keys.ts'
import { audience, issuerName, resource } from './support/names.ts'
import { badlyPadded, spellingsOf, wellPadded } from './support/rsa-padding.ts'
import { bearer, startDirect } from './support/server.ts'
import { claimsOf, compact, headerOf, mint, segmentsOf } from './support/token.ts'

const rsa = createKey('RS256')
const ec = createKey('ES256')

describe('A1 no signature at all', () => {
  const names = [
    'none',
    'None',
    'NONE',
    'nOnE',
    'noNE',
    'none ',
    ' none',
    'none\u0000',
    'n\u043Ene',
    '',
    ['none'],
    [],
    ['RS256'],
    { alg: 'none' },
    null,
    true,
    0,
    undefined,
  ]
  const oldSignature = segmentsOf(mint(rsa))[2]
  const signatures = [
    { kind: 'an empty signature', make: noSignature },
    { kind: 'the signature of a sound token', make: () => Buffer.from(oldSignature, 'base64url') },
    { kind: 'a signature by the right key', make: signWith(rsa) },
  ]
  const rows = names.flatMap((alg) =>
    signatures.map((signature) => ({
      variant: `${JSON.stringify(alg) ?? 'no alg'} with ${signature.kind}`,
      token: mint(rsa, { header: { alg }, sign: signature.make }),
    })),
  )

  it.each(rows)('A1 refuses alg none in every spelling: $variant', async ({ token }) => {
    const server = await startDirect(rsa)
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'malformed_algorithm' })
  })
})

describe('A2 the public key as a secret', () => {
  const hashes = ['256', '384', '512']
  const rows = spellingsOf(rsa).flatMap(([spelling, secret]) =>
    hashes.map((bits) => ({
      variant: `HS${bits} keyed with ${spelling}`,
      token: mint(rsa, { header: { alg: `HS${bits}` }, sign: hmacWith(secret, `sha${bits}`) }),
      disguised: mint(rsa, { sign: hmacWith(secret, `sha${bits}`) }),
    })),
  )

  it.each(rows)('A2 refuses an HMAC keyed with the public key: $variant', async (row) => {
    const server = await startDirect(rsa)
    const { token, disguised } = row
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'malformed_algorithm' })
    await expectRefused(server, bearer(disguised), { code: 'TOK', reason: 'signature' })
  })

  it.each(['HS256', 'HS384', 'HS512', 'none', 'RSA-OAEP', 'dir', 'ES256K'])(
    'A2 refuses to be configured with an algorithm that is not a public-key signature: %s',
    (algorithm) => {
      const options = {
        iss: issuerName,
        audience,
        kind: 'by-client' as const,
        keys: { jwks: { keys: [] } },
      }
      expect(() => issuer({ ...options, algorithms: [algorithm as never] })).toThrow(
        new TypeError('algorithms must name asymmetric signature algorithms'),
      )
    },
  )
})

describe('A3 the token chooses the algorithm', () => {
  const unbound = publicJwk(rsa.privateKey, { kid: 'k1' })
  const others = ['PS256', 'PS384', 'PS512', 'RS384', 'RS512'] as const

  it.each(others)('A3 refuses an algorithm that the issuer does not use: %s', async (algorithm) => {
    const server = await startDirect(rsa, { keys: { jwks: { keys: [unbound] } } })
    const token = mint(rsa, { algorithm })
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'algorithm' })
  })

  it.each(others)('A3 refuses an algorithm that the key is not bound to: %s', async (algorithm) => {
    const server = await startDirect(rsa, { algorithms: ['RS256', ...others] })
    const token = mint(rsa, { algorithm })
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'key_algorithm' })
  })
})

describe('A4 psychic signatures', () => {
  const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
  const pair = (r: bigint, s: bigint): Buffer =>
    Buffer.from([r, s].map((value) => value.toString(16).padStart(64, '0')).join(''), 'hex')
  const sound = signWith(ec)
  const der = (input: string): Buffer => sign('sha256', Buffer.from(input), ec.privateKey)
  const constants: readonly (readonly [string, Buffer])[] = [
    ['r = 0, s = 0', pair(0n, 0n)],
    ['r = 0, s = 1', pair(0n, 1n)],
    ['r = 1, s = 0', pair(1n, 0n)],
    ['r = 1, s = 1', pair(1n, 1n)],
    ['r = n, s = n', pair(order, order)],
    ['r = n, s = 1', pair(order, 1n)],
    ['r = 1, s = n', pair(1n, order)],
    ['r = n - 1, s = n - 1', pair(order - 1n, order - 1n)],
    ['r = n + 1, s = 1', pair(order + 1n, 1n)],
    ['all bits set', Buffer.alloc(64, 0xff)],
    ['empty', Buffer.alloc(0)],
    ['one zero byte', Buffer.alloc(1)],
    ['DER of r = 0, s = 0', Buffer.from('3006020100020100', 'hex')],
  ]
  const rows = [
    ...constants.map(([variant, bytes]) => ({ variant, make: () => bytes })),
    { variant: 'sound, in DER', make: der },
    { variant: 'sound, with a 65th byte', make: longer },
    { variant: 'sound, with a zero byte in front', make: longerInFront },
    { variant: 'sound, without its last byte', make: (input: string) => sound(input).subarray(1) },
    { variant: 'sound, r and s exchanged', make: swapped },
  ]

  function longer(input: string): Buffer {
    return Buffer.concat([sound(input), Buffer.alloc(1)])
  }
  function longerInFront(input: string): Buffer {
    return Buffer.concat([Buffer.alloc(1), sound(input)])
  }
  function swapped(input: string): Buffer {
    const bytes = sound(input)
    return Buffer.concat([bytes.subarray(32), bytes.subarray(0, 32)])
  }

  it.each(rows)('A4 refuses an ECDSA signature that proves nothing: $variant', async (row) => {
    const server = await startDirect(ec)
    const token = mint(ec, { sign: row.make })
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'signature' })
  })
})

describe('A5 two valid signatures', () => {
  const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')

  it('A5 gives the same identity for both valid forms of an ECDSA signature', async () => {
    const server = await startDirect(ec)
    const token = mint(ec)
    await expectAccepted(server, bearer(token))
    await expectAccepted(server, bearer(mirrored(token)))
    const [first, second] = server.handled
    expect(mirrored(token)).not.toBe(token)
    expect(second).toEqual(first)
    expect(first?.principal).toBe(JSON.stringify([issuerName, 'ada']))
  })

  function mirrored(token: string): string {
    const [header, payload, signature] = segmentsOf(token)
    const bytes = Buffer.from(signature, 'base64url')
    const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
    const other = Buffer.from(s.toString(16).padStart(64, '0'), 'hex')
    return `${header}.${payload}.${Buffer.concat([bytes.subarray(0, 32), other]).toString('base64url')}`
  }
})

describe('A6 RSA padding', () => {
  it('A6 accepts the padding of RFC 8017, so that the defects below are the only cause', async () => {
    await expectAccepted(await startDirect(rsa), bearer(mint(rsa, { sign: wellPadded(rsa) })))
  })

  it.each(badlyPadded(rsa))('A6 refuses a defect in the RSA padding: $variant', async (row) => {
    const server = await startDirect(rsa)
    const token = compact(headerOf(rsa), claimsOf(), row.sign)
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'signature' })
  })

  const cases = tokenCases().filter(({ id }) => id.startsWith('wp-remint'))
  it.skipIf(cases.length === 0)('A6 decides every third-party padding case right', async () => {
    for (const { id, token = '', jwks, policy, expect: verdict } of cases) {
      const trusted = issuer({
        iss: issuerName,
        audience,
        kind: 'by-client',
        keys: { jwks: jwks ?? { keys: [] } },
        tokenType: 'compatible',
        keyId: 'optional',
        maxLifetimeSeconds: null,
        clockSkewSeconds: 0,
      })
      const clock = (): number => policy?.now ?? 1_800_000_000
      const options = { resource, clock, sources: [direct({ issuer: trusted })] }
      const request = { headers: { authorization: `Bearer ${token}` } }
      const outcome = await createAuthenticator(options)
        .authenticate(request)
        .then(
          () => 'accept',
          (error: unknown) => ({ code: (error as { code?: unknown }).code }),
        )
      expect.soft([id, outcome]).toEqual([id, verdict === 'accept' ? 'accept' : { code: 'TOK' }])
    }
  })
})
