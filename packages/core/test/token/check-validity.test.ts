import { describe, expect, it } from 'vitest'
import { checkValidity } from '../../src/token/json-object.ts'
import { expectRefused } from '../support/expect-refused.ts'

const now = 1_800_000_000
const options = { now, skewSeconds: 30 }

describe('checkValidity', () => {
  it.each([
    ['without times', {}],
    ['that expires later', { exp: now + 1 }],
    ['that expired within the skew', { exp: now - 29 }],
    ['that expired within the skew by a fraction', { exp: now - 29.999 }],
    ['that begins within the skew', { nbf: now + 30 }],
    ['that began', { nbf: now - 1, exp: now + 1 }],
  ])('accepts a token %s', (_, claims) => {
    expect(() => checkValidity(claims, options)).not.toThrow()
  })

  it.each([
    ['expired the skew ago', { exp: now - 30 }, 'expired'],
    ['expired long ago', { exp: 1 }, 'expired'],
    ['begins just after the skew', { nbf: now + 31 }, 'not_yet_valid'],
    ['begins much later', { nbf: now + 31_000_000 }, 'not_yet_valid'],
  ])('refuses a token that %s', (_, claims, reason) =>
    expectRefused(() => checkValidity(claims, options), { code: 'TOK', reason }),
  )

  it('tolerates nothing with a skew of 0', async () => {
    const exact = { now, skewSeconds: 0 }
    expect(() => checkValidity({ exp: now + 1, nbf: now }, exact)).not.toThrow()
    await expectRefused(() => checkValidity({ exp: now }, exact), {
      code: 'TOK',
      reason: 'expired',
    })
    await expectRefused(() => checkValidity({ nbf: now + 1 }, exact), {
      code: 'TOK',
      reason: 'not_yet_valid',
    })
  })

  const noTimes = ['1900000000', [], [1_900_000_000], {}, true, -1, Number.NaN]
  const cases = ['exp', 'nbf'].flatMap((name) =>
    [...noTimes, Number.POSITIVE_INFINITY].map((value) => [name, value] as const),
  )
  it.each(cases)('refuses the %s %j', (name, value) =>
    expectRefused(() => checkValidity({ [name]: value }, options), {
      code: 'TOK',
      reason: `bad_${name}`,
    }),
  )

  it('takes empty times for absent, and nbf for 1970 when it is 0', async () => {
    expect(() => checkValidity({ exp: null, nbf: '' }, options)).not.toThrow()
    expect(() => checkValidity({ nbf: 0 }, options)).not.toThrow()
    await expectRefused(() => checkValidity({ exp: 0 }, options), {
      code: 'TOK',
      reason: 'bad_exp',
    })
  })

  it('refuses when the clock shows no time at all', () =>
    expectRefused(() => checkValidity({ exp: now + 1 }, { now: Number.NaN, skewSeconds: 30 }), {
      code: 'TOK',
      reason: 'expired',
    }))
})
