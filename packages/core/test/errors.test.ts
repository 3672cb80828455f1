import {
  asIdentityError,
  IdentityError,
  type IdentityErrorCode,
  isIdentityError,
} from '@onbehalf/core'
import { describe, expect, it } from 'vitest'

const codes: readonly (readonly [IdentityErrorCode, number, string])[] = [
  ['MISSING', 401, 'Authentication required'],
  ['REQ', 400, 'The request carries malformed or ambiguous credentials'],
  ['TOK', 401, 'The access token was refused'],
  ['SCOPE', 403, 'The access token lacks a required scope'],
  ['BIND', 401, 'The access token was refused'],
  ['DOWN', 503, 'The request cannot be served right now'],
  ['AUDIT', 503, 'The call cannot be recorded'],
  ['SESS', 404, 'Not found'],
  ['LIMIT', 429, 'Too many requests'],
]

describe('IdentityError', () => {
  it.each(codes)('%s has the status %i and a fixed message in ASCII', (code, status, message) => {
    const error = new IdentityError(code, { reason: 'own_reason' })
    expect(error).toMatchObject({ code, status, message, reason: 'own_reason' })
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('IdentityError')
    expect(message).toMatch(/^[\x20-\x7E]+$/)
    expect(String(error)).toBe(`IdentityError: ${message}`)
  })

  it('has no scopes, no time to retry and no cause unless it is given', () => {
    const error = new IdentityError('TOK', { reason: 'expired' })
    expect(error.scopes).toEqual([])
    expect(error.retryAfterSeconds).toBeUndefined()
    expect('cause' in error).toBe(false)
  })

  it('keeps what it is given, and its own copy of the scopes', () => {
    const scopes = ['a']
    const cause = new Error('underneath')
    const error = new IdentityError('SCOPE', {
      reason: 'own_x',
      scopes,
      retryAfterSeconds: 3,
      cause,
    })
    scopes.push('b')
    expect(error).toMatchObject({ scopes: ['a'], retryAfterSeconds: 3, cause })
    expect(Object.isFrozen(error.scopes)).toBe(true)
  })
})

describe('isIdentityError', () => {
  it('knows its own, and those of another copy of this package', () => {
    const brand = Symbol.for('onbehalf.IdentityError')
    expect(isIdentityError(new IdentityError('TOK', { reason: 'own_x' }))).toBe(true)
    expect(isIdentityError(Object.assign(new Error('x'), { [brand]: true }))).toBe(true)
  })

  it.each([
    undefined,
    null,
    'TOK',
    401,
    {},
    new Error('x'),
    { code: 'TOK', name: 'IdentityError' },
  ])('does not know %j', (value) => {
    expect(isIdentityError(value)).toBe(false)
  })
})

describe('asIdentityError', () => {
  it('returns an IdentityError as it is', () => {
    const error = new IdentityError('BIND', { reason: 'binding_client' })
    expect(asIdentityError(error)).toBe(error)
  })

  it.each([undefined, null, 'text', 0, new Error('x'), new RangeError('y'), {}])(
    'takes anything else for a failure of this server: %j',
    (thrown) => {
      expect(asIdentityError(thrown)).toMatchObject({
        code: 'DOWN',
        status: 503,
        reason: 'internal_error',
        cause: thrown,
      })
    },
  )
})
