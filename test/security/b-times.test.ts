import { issuer } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { expectAccepted, expectRefused } from './support/expect-refused.ts'
import { createKey, signWith } from './support/keys.ts'
import { audience, issuerName, now } from './support/names.ts'
import { bearer, startDirect } from './support/server.ts'
import { type Changes, claimsOf, compact, headerOf, mint } from './support/token.ts'

const key = createKey('ES256')

/** A claim written as raw JSON text: numbers that `JSON.stringify` would not write. */
function withRaw(name: string, json: string): string {
  const claims = claimsOf({ claims: { [name]: undefined } })
  return compact(headerOf(key), `${claims.slice(0, -1)},"${name}":${json}}`, signWith(key))
}

describe('B1 a token without a usable expiry', () => {
  const rows = [
    ['absent', undefined, 'exp_missing'],
    ['null', null, 'exp_missing'],
    ['a string', String(now + 300), 'bad_exp'],
    ['a date', '2027-01-15T08:05:00Z', 'bad_exp'],
    ['an array', [now + 300], 'bad_exp'],
    ['an object', { value: now + 300 }, 'bad_exp'],
    ['true', true, 'bad_exp'],
    ['0', 0, 'bad_exp'],
    ['negative', -1, 'bad_exp'],
    ['negative and huge', -1e18, 'bad_exp'],
    ['negative zero', -0, 'bad_exp'],
    ['1', 1, 'expired'],
  ] as const

  it.each(rows)('B1 refuses exp that is %s', async (_variant, exp, reason) => {
    const server = await startDirect(key)
    await expectRefused(server, bearer(mint(key, { claims: { exp } })), { code: 'TOK', reason })
  })
})

describe('B2 a token that lives for ever', () => {
  const rows = [
    ['1e999, which parses to Infinity', '1e999', 'bad_exp'],
    ['-1e999', '-1e999', 'bad_exp'],
    ['1e18', '1e18', 'lifetime'],
    ['1e308', '1e308', 'lifetime'],
    ['milliseconds', String((now + 300) * 1000), 'lifetime'],
    ['one second beyond the longest lifetime', String(now + 86_400 + 31), 'lifetime'],
    ['a fraction beyond the longest lifetime', `${now + 86_400 + 30}.5`, 'lifetime'],
    ['2^53', '9007199254740992', 'lifetime'],
  ] as const

  it.each(rows)('B2 refuses an endless exp: %s', async (_variant, exp, reason) => {
    const server = await startDirect(key)
    await expectRefused(server, bearer(withRaw('exp', exp)), { code: 'TOK', reason })
  })

  it.each([`${now + 86_400}`, `${now + 300}.25`, `${(now + 300) / 1000}e3`])(
    'B2 accepts a finite exp within the longest lifetime: %s',
    async (exp) => {
      await expectAccepted(await startDirect(key), bearer(withRaw('exp', exp)))
    },
  )

  it('B2 refuses more than the configured lifetime', async () => {
    const server = await startDirect(key, { maxLifetimeSeconds: 600 })
    const at = (exp: number) => bearer(mint(key, { claims: { exp } }))
    await expectAccepted(server, at(now + 630))
    await expectRefused(server, at(now + 631), { code: 'TOK', reason: 'lifetime' })
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, '600'])(
    'B2 cannot be configured with a lifetime that limits nothing: %s',
    (seconds) => {
      expect(() => configure({ maxLifetimeSeconds: seconds as number })).toThrow(
        new TypeError('maxLifetimeSeconds must be positive, or null'),
      )
    },
  )
})

describe('B3 a token from the future', () => {
  const rows: readonly (readonly [string, Changes, string])[] = [
    ['nbf beyond the skew', { nbf: now + 31 }, 'not_yet_valid'],
    ['nbf far away', { nbf: now + 3600 }, 'not_yet_valid'],
    ['nbf as a string', { nbf: String(now) }, 'bad_nbf'],
    ['nbf as an object', { nbf: {} }, 'bad_nbf'],
    ['nbf negative', { nbf: -1 }, 'bad_nbf'],
    ['iat beyond the skew', { iat: now + 31 }, 'bad_iat'],
    ['iat in an hour', { iat: now + 3600, exp: now + 7200 }, 'bad_iat'],
    ['iat later than exp', { iat: now + 20, exp: now + 10 }, 'bad_iat'],
    ['iat as a string', { iat: String(now) }, 'bad_iat'],
    ['iat as an object', { iat: { $date: now } }, 'bad_iat'],
    ['iat null', { iat: null }, 'iat_missing'],
  ]

  it.each([undefined, null])(
    'B3 refuses a token that does not say when it was issued: %s',
    async (iat) => {
      const server = await startDirect(key)
      const lines = bearer(mint(key, { claims: { iat } }))
      await expectRefused(server, lines, {
        code: 'TOK',
        reason: 'iat_missing',
      })
    },
  )

  it.each(rows)('B3 refuses a time that cannot be: %s', async (_variant, claims, reason) => {
    const server = await startDirect(key)
    await expectRefused(server, bearer(mint(key, { claims })), { code: 'TOK', reason })
  })

  it.each([
    ['nbf at the skew', { nbf: now + 30 }],
    ['iat at the skew', { iat: now + 30 }],
  ])('B3 accepts a clock that is a little ahead: %s', async (_variant, claims) => {
    await expectAccepted(await startDirect(key), bearer(mint(key, { claims })))
  })

  it.each([601, -1, Number.NaN, Number.POSITIVE_INFINITY])(
    'B3 cannot be configured with a skew beyond 600 seconds: %s',
    (clockSkewSeconds) => {
      expect(() => configure({ clockSkewSeconds })).toThrow(
        new TypeError('clockSkewSeconds must be from 0 to 600'),
      )
    },
  )
})

describe('B4 the edges of the skew', () => {
  it.each([
    [-29, true],
    [-29.999, true],
    [-30, false],
    [-31, false],
  ])('B4 decides exp at now %d exactly: accepted is %s', async (offset, accepted) => {
    const server = await startDirect(key)
    const lines = bearer(mint(key, { claims: { iat: now - 100, exp: now + offset } }))
    await (accepted
      ? expectAccepted(server, lines)
      : expectRefused(server, lines, { code: 'TOK', reason: 'expired' }))
  })

  it('B4 decides by the clock of the moment', async () => {
    let time = now
    const server = await startDirect(key, {}, { clock: () => time, good: undefined as never })
    const lines = bearer(mint(key))
    time = now + 329
    await expectAccepted(server, lines)
    time = now + 330
    await expectRefused(server, lines, { code: 'TOK', reason: 'expired' })
  })
})

function configure(options: { maxLifetimeSeconds?: number; clockSkewSeconds?: number }): unknown {
  return issuer({
    iss: issuerName,
    audience,
    kind: 'by-client',
    keys: { jwks: { keys: [] } },
    ...options,
  })
}
