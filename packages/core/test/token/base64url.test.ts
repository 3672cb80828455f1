import { describe, expect, it } from 'vitest'
import { parseToken } from '../../src/token/parse-token.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { encode, unsigned } from '../support/signer.ts'

const refused = { code: 'TOK', reason: 'malformed_base64url' } as const
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
// The length of every segment is a multiple of 4.
const good = unsigned('{"alg":"RS256"}', '{"sub":"me"}').split('.')

describe('a segment of a token', () => {
  const foreign = [' ', '\t', '\r', '\n', '\f', '=', '==', '+', '/', '\u0000', '?', 'ä', '✓']
  const places = [0, 1, 2].flatMap((segment) => foreign.map((text) => [segment, text] as const))

  it.each(places)('%i is refused with %j behind it', (segment, text) =>
    expectRefused(() => parseToken(withSegment(segment, (value) => value + text)), refused),
  )

  it.each(places)('%i is refused with %j inside it', (segment, text) => {
    const broken = (value: string): string => value.slice(0, 2) + text + value.slice(2)
    return expectRefused(() => parseToken(withSegment(segment, broken)), refused)
  })

  it.each([0, 1, 2])('%i is refused when its length leaves the remainder 1', (segment) =>
    expectRefused(() => parseToken(withSegment(segment, (value) => `${value}A`)), refused),
  )

  // The last of 2 characters carries 4 unused bits, the last of 3 carries 2.
  const ends = [
    ['AAAAA', 'AQgw'],
    ['AAAAAA', 'AEIMQUYcgkosw048'],
  ] as const

  it.each(ends)('%s may end in one of %s', (start, canonical) => {
    for (const last of canonical) {
      const token = withSegment(2, () => start + last)
      expect(parseToken(token).signature).toBe(start + last)
    }
  })

  it.each(ends)('%s may not end in anything but one of %s', async (start, canonical) => {
    const unused = Array.from(alphabet).filter((last) => !canonical.includes(last))
    expect(unused).toHaveLength(64 - canonical.length)
    for (const last of unused) {
      await expectRefused(() => parseToken(withSegment(2, () => start + last)), refused)
    }
  })

  it('is accepted in the one spelling that the encoder writes, whatever the bytes', () => {
    for (let length = 0; length < 64; length++) {
      const bytes = Uint8Array.from({ length }, (_, at) => (at * 83 + length) % 256)
      const token = withSegment(2, () => encode(bytes))
      expect(parseToken(token).signature).toBe(encode(bytes))
    }
  })
})

function withSegment(segment: number, change: (value: string) => string): string {
  return good.map((value, at) => (at === segment ? change(value) : value)).join('.')
}
