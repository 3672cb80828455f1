import { describe, expect, it } from 'vitest'
import { maxTokenLength, parseCompact, parseToken } from '../../src/token/parse-token.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { processorTime } from '../support/processor-time.ts'
import { encode, unsigned } from '../support/signer.ts'

const header = { alg: 'RS256', kid: 'k1', typ: 'at+jwt' }

describe('parseToken', () => {
  it('reads the algorithm, the key id, the type and the claims', () => {
    const token = unsigned(header, { sub: 'jane' })
    const [protectedHeader, payload, signature] = token.split('.')
    expect(parseToken(token)).toEqual({
      algorithm: 'RS256',
      keyId: 'k1',
      type: 'at+jwt',
      hasKeyHeader: false,
      protected: protectedHeader,
      payload,
      signature,
      claims: { sub: 'jane' },
    })
  })

  it.each([
    ['JWT', 'jwt'],
    ['at+JWT', 'at+jwt'],
    ['application/at+jwt', 'at+jwt'],
    ['APPLICATION/AT+JWT', 'at+jwt'],
    ['text/at+jwt', 'text/at+jwt'],
    ['at+application/jwt', 'at+application/jwt'],
    ['', ''],
  ])('normalizes the type %j to %j', (typ, type) => {
    expect(parseToken(unsigned({ ...header, typ }, {})).type).toBe(type)
  })

  it('leaves an absent type and key id undefined', () => {
    expect(parseToken(unsigned({ alg: 'ES256' }, {}))).toMatchObject({
      keyId: undefined,
      type: undefined,
    })
  })

  it.each([
    ['opaque_token', 'one segment', encode('{}')],
    ['opaque_token', 'two segments', `${encode('{}')}.${encode('{}')}`],
    ['opaque_token', 'text with dots', 'v4.public.abc.def'],
    ['opaque_token', 'nothing', ''],
    ['malformed_segments', 'four segments', `${unsigned(header, {})}.x`],
    ['malformed_segments', 'a dot too many', `${unsigned(header, {})}.`],
    ['malformed_segments', 'two dots too many', `${unsigned(header, {})}..`],
    ['malformed_segments', 'five segments', `${unsigned(header, {})}.x.y`],
    ['malformed_segments', 'six segments', `${unsigned({ ...header, enc: 'A256GCM' }, {})}.x.y.z`],
    ['encrypted_token', 'encryption', `${unsigned({ ...header, enc: 'A256GCM' }, {})}.x.y`],
  ])('refuses (%s) %s', (reason, _, token) =>
    expectRefused(() => parseToken(token), { code: 'TOK', reason }, token),
  )

  it('reads a token of the greatest length and refuses one character more', async () => {
    const start = `${encode(JSON.stringify(header))}.${encode('{}')}.`
    const longest = start.padEnd(maxTokenLength, 'A')
    expect(maxTokenLength).toBe(16_384)
    expect(parseToken(longest).signature).toHaveLength(maxTokenLength - start.length)
    await expectRefused(() => parseToken(`${longest}A`), { code: 'TOK', reason: 'malformed_size' })
  })

  it('refuses a megabyte of dots at once', async () => {
    const dots = '.'.repeat(1_000_000)
    const spent = processorTime()
    await expectRefused(() => parseToken(dots), { code: 'TOK', reason: 'malformed_size' })
    expect(spent()).toBeLessThan(500)
  })

  it.each([
    'none',
    'None',
    'nOnE',
    'none ',
    '',
    'HS256',
    'HS512',
    'rs256',
    'RSA1_5',
    'PBES2-HS256+A128KW',
    'ES256K',
    'RS1',
    ['RS256'],
    null,
    256,
    {},
    undefined,
  ])('refuses the algorithm %j', (alg) =>
    expectRefused(() => parseToken(unsigned({ ...header, alg }, {})), {
      code: 'TOK',
      reason: 'malformed_algorithm',
    }),
  )

  it.each([
    ['crit', ['exp']],
    ['crit', []],
    ['b64', false],
    ['zip', 'DEF'],
    ['cty', 'JWT'],
    ['jwk', { kty: 'RSA' }],
    ['jku', 'https://evil.example/jwks'],
    ['x5u', 'https://evil.example/cert'],
    ['x5c', ['MIIB']],
    ['jwk', null],
    ['b64', true],
  ])('refuses the header member %s with the value %j', (name, value) =>
    expectRefused(() => parseToken(unsigned({ ...header, [name]: value }, {})), {
      code: 'TOK',
      reason: 'malformed_header_member',
    }),
  )

  it.each([
    { jku: 'https://evil.example/jwks' },
    { x5u: 'https://evil.example/cert' },
    { x5c: ['MIIB'] },
  ])('lets %j pass for those alone who ignore it, also once it was read', async (member) => {
    const token = unsigned({ ...header, ...member }, {})
    const expected = { code: 'TOK', reason: 'malformed_header_member' } as const
    const lenient = (): unknown => parseToken(token, { ignoreKeyHeaders: true })
    await expectRefused(() => parseToken(token), expected)
    expect(lenient()).toMatchObject({ hasKeyHeader: true })
    await expectRefused(() => parseToken(token), expected)
    expect(lenient()).toMatchObject({ hasKeyHeader: true })
    await expectRefused(() => parseToken(token, { ignoreKeyHeaders: false }), expected)
  })

  it('lets header members pass that change nothing', () => {
    const entra = { ...header, x5t: 'abc', 'x5t#S256': 'def', nonce: 'n' }
    expect(parseToken(unsigned(entra, {})).algorithm).toBe('RS256')
  })

  it.each([
    ['empty', ''],
    ['longer than 256 characters', 'k'.repeat(257)],
    ['with a NUL', 'k\u0000'],
    ['with a newline', 'k\n'],
    ['not ASCII', '✓'],
    ['a number', 7],
    ['null', null],
    ['an array', ['k1']],
    ['an object', { k: 1 }],
  ])('refuses a key id that is %s', (_, kid) =>
    expectRefused(() => parseToken(unsigned({ ...header, kid }, {})), {
      code: 'TOK',
      reason: 'malformed_key_id',
    }),
  )

  it.each(['../../dev/null', "' OR 1=1--", '__proto__', 'constructor', 'k'.repeat(256)])(
    'keeps the key id %j as a mere name',
    (kid) => {
      expect(parseToken(unsigned({ ...header, kid }, {})).keyId).toBe(kid)
    },
  )

  it.each([[['at+jwt']], [1], [null], [{}]])('refuses the type %j', (typ) =>
    expectRefused(() => parseToken(unsigned({ ...header, typ }, {})), {
      code: 'TOK',
      reason: 'malformed_type',
    }),
  )

  it.each(['', '[]', 'null', '"text"', '{', '{"alg":"RS256",}', "{'alg':'RS256'}"])(
    'refuses the header %j',
    (text) =>
      expectRefused(() => parseToken(unsigned(text, {})), {
        code: 'TOK',
        reason: 'malformed_header',
      }),
  )

  it.each(['', '[]', 'null', '"text"', '42', 'eyJhbGciOiJub25lIn0.e30.', '{}{}', '{} x'])(
    'refuses the payload %j',
    (text) =>
      expectRefused(() => parseToken(unsigned(header, text)), {
        code: 'TOK',
        reason: 'malformed_payload',
      }),
  )

  it('reads an empty signature, which no key ever made', () => {
    const token = `${encode(JSON.stringify(header))}.${encode('{}')}.`
    expect(parseToken(token).signature).toBe('')
  })

  it('refuses the JSON serializations of a token', () => {
    const [protectedHeader, payload, signature] = unsigned(header, {}).split('.')
    const flattened = JSON.stringify({ protected: protectedHeader, payload, signature })
    return expectRefused(() => parseToken(flattened), { code: 'TOK', reason: 'opaque_token' })
  })
})

describe('parseCompact', () => {
  it('reads a token whose payload is not a claim set', () => {
    expect(parseCompact(unsigned(header, 'just bytes'))).toMatchObject({ algorithm: 'RS256' })
  })

  it('refuses the header members that bring a key along', () =>
    expectRefused(() => parseCompact(unsigned({ ...header, jwk: {} }, '')), {
      code: 'TOK',
      reason: 'malformed_header_member',
    }))
})
