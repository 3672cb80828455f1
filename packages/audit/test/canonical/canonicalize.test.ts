import { readFileSync } from 'node:fs'
import { visibleText } from '@onbehalf/audit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalize } from '../../src/canonical/canonicalize.ts'
import { originalText } from '../../src/canonical/visible-text.ts'

/** The double with these bits. */
function double(bits: string): number {
  return Buffer.from(bits, 'hex').readDoubleBE()
}

describe('T14 canonical JSON, RFC 8785', () => {
  it('T14 writes the example of section 3.2.2 as section 3.2.3 does', () => {
    // As text, for the RFC writes numbers and escapes in its own ways.
    const example = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`
    expect(canonicalize(JSON.parse(example))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  it('T14 sorts names as they are written, once they were prepared', () => {
    const object = { '\u200bz': 1, a: undefined, b: { '\u200b': 2, '0': 3 }, é: 4 }
    const prepare = (text: string): string => text.replaceAll('\u200b', 'z').replaceAll('é', 'A')
    expect(canonicalize(object, prepare)).toBe('{"A":4,"b":{"0":3,"z":2},"zz":1}')
  })

  it('T14 sorts names by UTF-16 code units', () => {
    const names = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6']
    const object = Object.fromEntries(names.map((name) => [name, 0]))
    const written = Object.keys(JSON.parse(canonicalize(object)) as object)
    // The integer-like name comes first in every object of ECMAScript.
    expect(written).toEqual(['1', '\r', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'])
    expect(canonicalize(object).indexOf('"\\r"')).toBeLessThan(canonicalize(object).indexOf('"1"'))
  })

  it.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
  ])('T14 writes the number %s as %s', (bits, text) => {
    expect(canonicalize(double(bits))).toBe(text)
  })

  it.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '\ud800',
    { '\udc00': 1 },
    1n,
    () => 1,
    Symbol('a'),
    // oxlint-disable-next-line no-sparse-arrays -- a hole is what it is about
    [1, , 2],
    [undefined],
    { a: { toJSON: () => 1 } },
  ])('T14 refuses what JSON cannot say (%#)', (value) => {
    expect(() => canonicalize(value)).toThrow(TypeError)
  })

  it.each([
    ['a date', new Date(0), '{}'],
    ['what is inherited', Object.create({ b: 1 }), '{}'],
    ['a boxed text', Object('b'), '{"0":"b"}'],
    ['members in order', { a: 1, b: undefined, c: [{ d: -0 }] }, '{"a":1,"c":[{"d":0}]}'],
    ['members out of order', { c: [{ d: -0 }], b: undefined, a: 1 }, '{"a":1,"c":[{"d":0}]}'],
  ])('looks at own members alone: %s', (_, value: unknown, text) => {
    expect(canonicalize(value)).toBe(text)
    expect(canonicalize([value])).toBe(`[${text}]`)
  })

  it('says what JSON says, whatever the order of names', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalize(value)
        const plain: unknown = JSON.parse(JSON.stringify(value))
        expect(JSON.parse(text)).toEqual(plain)
        expect(canonicalize(JSON.parse(text))).toBe(text)
      }),
    )
  })
})

const hidden =
  /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/u
const nasty = [
  'a\r\nb',
  '\u001b[2J',
  '\u009b2J',
  '\u2028\u2029',
  'abc\u202Etxt',
  'nul\0',
  '\ud800',
  'del\u007f',
  '\ufeff',
  'tag\u{e0041}',
]

describe('G2 text that is made visible', () => {
  const strings = JSON.parse(
    readFileSync(new URL('../support/naughty-strings.json', import.meta.url), 'utf8'),
  ) as string[]

  it('G2 leaves one line without raw control or bidi characters, and can be read back', () => {
    for (const text of [...strings, ...nasty]) {
      const line = canonicalize({ [text]: text }, visibleText)
      // oxlint-disable-next-line no-control-regex -- control characters must not be there
      expect(line).not.toMatch(/[\u0000-\u001f]/)
      expect(line).not.toMatch(hidden)
      const parsed = JSON.parse(line) as Record<string, string>
      expect(canonicalize(parsed)).toBe(line)
      expect(originalText(Object.values(parsed)[0] ?? '')).toBe(text)
    }
  })

  // Each looks like `ada`, or like another blank, or is not drawn at all.
  it.each<[string, string]>([
    ['a soft hyphen', 'ad\u00ada'],
    ['a combining grapheme joiner', 'ada\u034f'],
    ['a Hangul filler', 'ada\u3164'],
    ['a half-width Hangul filler', 'ada\uffa0'],
    ['a Khmer inherent vowel', 'ada\u17b5'],
    ['a Mongolian vowel separator', 'ada\u180e'],
    ['a free variation selector', 'ada\u180b'],
    ['a variation selector', 'ada\ufe0f'],
    ['a variation selector supplement', 'ada\u{e0101}'],
    ['a tag', 'ada\u{e0061}'],
    ['a zero-width joiner', 'ad\u200da'],
    ['a word joiner', 'ad\u2060a'],
    ['a byte order mark', '\ufeffada'],
    ['a right-to-left override', 'ada\u202e'],
    ['an isolate', '\u2067ada'],
    ['an Arabic letter mark', 'ada\u061c'],
    ['a blank Braille pattern', 'ada\u2800'],
    ['a no-break space', 'ada\u00a0'],
    ['an ideographic space', 'ada\u3000'],
    ['a hair space', 'ada\u200a'],
    ['an Ogham space mark', 'ada\u1680'],
    ['a line separator', 'ada\u2028'],
    ['a null notehead', 'ada\u{1d159}'],
    ['a musical format character', 'ada\u{1d173}'],
    ['a shorthand format control', 'ada\u{1bca0}'],
    ['DEL', 'ada\u007f'],
    ['a C1 control', 'ada\u0085'],
  ])('shows %s', (_what, text) => {
    const seen = visibleText(text)
    expect(seen).toMatch(/^[ -~]+$/)
    expect(originalText(seen)).toBe(text)
    // The names of members too.
    expect(canonicalize({ [text]: 1 }, visibleText)).toContain('\\\\u{')
  })

  it('leaves what can be seen', () => {
    for (const text of ['Ada Lovelace', 'Žižek', 'İstanbul', '日本語', 'שלום', '🙂', 'e\u0301']) {
      expect(visibleText(text)).toBe(text)
    }
  })

  it('leaves no NUL, which a JSON column of a database would refuse', () => {
    expect(canonicalize({ 'a\u0000': '\u0000\\u0000' }, visibleText)).toBe(
      String.raw`{"a\\u{0}":"\\u{0}\\u0000"}`,
    )
  })

  it('never makes two texts look the same', () => {
    const alphabet = fc.constantFrom(
      '\\',
      'u',
      '{',
      '2',
      '0',
      'E',
      'C',
      '5',
      '}',
      '\u0000',
      '\u202e',
      '\ud800',
    )
    fc.assert(
      fc.property(fc.array(alphabet), (parts) => {
        const text = parts.join('')
        expect(originalText(visibleText(text))).toBe(text)
      }),
      { numRuns: 2_000 },
    )
  })
})
