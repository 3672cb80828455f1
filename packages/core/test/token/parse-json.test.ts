import { describe, expect, it } from 'vitest'
import { parseToken } from '../../src/token/parse-token.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { processorTime } from '../support/processor-time.ts'
import { unsigned } from '../support/signer.ts'

const header = '{"alg":"RS256"}'
const refused = { code: 'TOK', reason: 'malformed_payload' } as const

function claimsOf(payload: string | Uint8Array): Readonly<Record<string, unknown>> {
  return parseToken(unsigned(header, payload)).claims
}

describe('the JSON of a token', () => {
  it.each([
    ['{"sub":"a","sub":"b"}'],
    ['{"iss":"a", "x":{}, "iss" : "a"}'],
    ['{"aud":["a"],"aud":["b"]}'],
    // "sub" and "\u0073ub" are the same member.
    ['{"sub":"a","\\u0073ub":"b"}'],
    ['{"a\\"b":1,"a\\u0022b":2}'],
    ['{"":1,"":2}'],
    ['{"__proto__":1,"__proto__":2}'],
    ['{"x":"}","sub":"a","sub":"b"}'],
    ['{"x":"\\"","sub":"a","sub":"b"}'],
  ])('is refused when a member of the outer object is there twice: %s', (payload) =>
    expectRefused(() => claimsOf(payload), refused),
  )

  it('is refused when a member of the header is there twice', () =>
    expectRefused(() => parseToken(unsigned('{"alg":"none","alg":"RS256"}', {})), {
      code: 'TOK',
      reason: 'malformed_header',
    }))

  it.each([
    ['{"a":{"sub":1},"b":{"sub":2}}'],
    ['{"sub":"sub","x":"sub"}'],
    ['{"a":["sub","sub"]}'],
    ['{"a":"\\"b\\":1","b":2}'],
  ])('may use a name again elsewhere: %s', (payload) => {
    expect(claimsOf(payload)).toEqual(JSON.parse(payload))
  })

  it.each([
    ['a byte order mark', Buffer.from('\uFEFF{"sub":"a"}')],
    ['an overlong sequence', bytes('{"sub":"', [0xc0, 0xaf], '"}')],
    ['a lone continuation byte', bytes('{"sub":"', [0x80], '"}')],
    ['an encoded surrogate', bytes('{"sub":"', [0xed, 0xa0, 0x80], '"}')],
    ['a truncated sequence', bytes('{"sub":"', [0xe2, 0x82], '"}')],
    ['UTF-16', Buffer.from('{"sub":"a"}', 'utf16le')],
  ])('is refused with %s', (_, payload) => expectRefused(() => claimsOf(payload), refused))

  it('may hold any text in UTF-8', () => {
    expect(claimsOf('{"name":"Zoë ✓ 漢 😀"}')).toEqual({ name: 'Zoë ✓ 漢 😀' })
  })

  it.each([
    ['arrays', nested('[', '1', ']', 31)],
    ['objects', nested('{"x":', '1', '}', 31)],
  ])('may be 32 levels deep, counting the outer object, with %s', (_, value) => {
    expect(claimsOf(`{"x":${value}}`)).toEqual(JSON.parse(`{"x":${value}}`))
  })

  it.each([
    ['33 levels of arrays', nested('[', '1', ']', 32)],
    ['33 levels of objects', nested('{"x":', '1', '}', 32)],
    ['5000 levels', nested('[', '', ']', 5000)],
  ])('is refused with %s', (_, value) => expectRefused(() => claimsOf(`{"x":${value}}`), refused))

  it('does not take brackets in text for depth', () => {
    const text = '[{'.repeat(100)
    expect(claimsOf(JSON.stringify({ text }))).toEqual({ text })
  })

  it('costs little when it is wide', () => {
    const wide = `{${Array.from({ length: 1000 }, (_, n) => `"a${n}":1`).join(',')}}`
    const spent = processorTime()
    expect(Object.keys(claimsOf(wide))).toHaveLength(1000)
    expect(spent()).toBeLessThan(500)
  })

  it('becomes objects without a prototype at every depth', () => {
    const claims = claimsOf('{"a":{"b":[{"c":1}]}}') as { a: { b: [object] } }
    for (const value of [claims, claims.a, claims.a.b[0]]) {
      expect(Object.getPrototypeOf(value)).toBeNull()
    }
  })

  it('loses the members that could reach a prototype, at every depth', () => {
    const claims = claimsOf(
      '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"a":{"__proto__":{"admin":true},"prototype":1,"b":2}}',
    )
    expect(claims).toEqual({ a: { b: 2 } })
    expect(claims['admin']).toBeUndefined()
    expect(Object.assign({}, claims, claims['a'])).not.toHaveProperty('admin')
  })
})

function nested(open: string, inner: string, close: string, depth: number): string {
  return open.repeat(depth) + inner + close.repeat(depth)
}

function bytes(before: string, between: readonly number[], after: string): Uint8Array {
  return Buffer.concat([Buffer.from(before), Buffer.from(between), Buffer.from(after)])
}
