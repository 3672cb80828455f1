import { issuer } from '@onbehalf/core'
import { parseToken } from '@onbehalf/core/internal'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKey, signWith } from './support/keys.ts'
import { audience, issuerName } from './support/names.ts'
import { builtExpressions, publishedExpressions } from './support/regular-expressions.ts'
import { fastestOf } from './support/timing.ts'
import { claimsOf, compact, headerOf } from './support/token.ts'

const full = 64 * 1024
// Between linear (2) and quadratic (4), for twice the input.
const mostGrowth = 3
// A plain scan of the same text costs 1: below this nobody can hurt a server.
const harmless = 50
// Milliseconds for a few thousand characters at most.
const hopeless = 1000

describe('G5 regular expressions', () => {
  const expressions = publishedExpressions()

  it('G5 finds the expressions that it is about', () => {
    expect(expressions.length).toBeGreaterThan(10)
    expect(expressions.map(({ where }) => where).join()).toContain('credentials.ts')
  })

  it.each(expressions)('G5 runs in linear time on its worst input: $where', async ({ regex }) => {
    const worst = worstInput(regex)
    const scan = await fastestOf(5, () => /[^\0]\0/.test(worst(full)))
    const whole = await fastestOf(5, () => run(regex, worst(full)))
    if (whole < harmless * scan) return
    expect(await growthOf((length) => run(regex, worst(length)))).toBeLessThan(mostGrowth)
  })

  it('G5 would notice an expression that backtracks', async () => {
    const length = full / 4
    const scan = await fastestOf(5, () => /[^\0]\0/.test('a'.repeat(length)))
    const worst = worstInput(/\s+$/)
    expect(await fastestOf(1, () => run(/\s+$/, worst(length)))).toBeGreaterThan(harmless * scan)
    const growth = await growthOf((long) => run(/\s+$/, worst(long / 16)))
    expect(growth).toBeGreaterThan(mostGrowth)
  })

  it('G5 would notice an expression that never ends', () => {
    expect(() => worstInput(/^(?:(?:a+)+)+!$/)).toThrow(/^stuck on \d+ characters$/)
  })

  it('G5 builds no expression from text, and takes none from a user', () => {
    expect(builtExpressions().filter((file) => !file.startsWith('testing/'))).toEqual([])
    const options = {
      iss: issuerName,
      audience,
      kind: 'by-client' as const,
      keys: { jwks: { keys: [] } },
    }
    expect(() => issuer({ ...options, iss: /idp/ as never })).toThrow(TypeError)
    expect(() => issuer({ ...options, audience: /mcp/ as never })).toThrow(TypeError)
    expect(() => issuer({ ...options, clients: [/a/ as never] })).toThrow(TypeError)
  })
})

/**
 * How many times longer the whole input takes than half of it. Both are the fastest of all their runs, of
 * which there are more as long as a busy machine may be what made the difference.
 */
async function growthOf(work: (length: number) => unknown): Promise<number> {
  let [whole, half] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let attempt = 0; attempt < 10 && !(whole / half < mostGrowth); attempt++) {
    whole = Math.min(whole, await fastestOf(5, () => work(full)))
    half = Math.min(half, await fastestOf(5, () => work(full / 2)))
  }
  return whole / half
}

describe('G5 scanners', () => {
  const key = createKey('ES256')
  const rows = [
    ['quotes', '"'],
    ['backslashes', '\\'],
    ['escaped quotes', '\\"'],
    ['names', '"a":1,'],
    ['blanks behind a name', '"a" '],
    ['unclosed arrays', '['],
    ['brackets', '[]'],
    ['long text', 'x'],
  ] as const

  it.each(rows)('G5 reads hostile JSON in linear time: %s', async (_variant, text) => {
    const token = (length: number): string => {
      const filler = text.repeat(Math.floor(length / text.length))
      return compact(headerOf(key), claimsOf().slice(0, -1) + filler, signWith(key))
    }
    const measure = (length: number): Promise<number> => {
      const whole = token(length)
      return fastestOf(20, () => attempt(whole))
    }
    const [half, whole] = [await measure(5000), await measure(10_000)]
    const scan = await fastestOf(
      20,
      () => JSON.parse(JSON.stringify('x'.repeat(10_000))) as unknown,
    )
    expect(whole).toBeLessThan(Math.max(harmless * scan, mostGrowth * half))
  })

  function attempt(token: string): unknown {
    try {
      return parseToken(token)
    } catch (error) {
      return error
    }
  }
})

function run(regex: RegExp, text: string): unknown {
  return regex.global ? text.replace(regex, '') : regex.exec(text)
}

/**
 * The input of any length on which an expression works hardest: pieces of texts that match, each
 * repeated in its place, with an end that spoils the match.
 */
function worstInput(regex: RegExp): (length: number) => string {
  let worst: { readonly make: (length: number) => string; readonly time: number } | undefined
  for (const make of pumps(regex)) {
    const time = tryOut(regex, make)
    if (worst === undefined || time > worst.time) worst = { make, time }
  }
  if (worst === undefined) throw new Error('no input to try')
  return worst.make
}

// In steps so small that what triples with each character takes seconds at the most before it is seen.
const careful = Array.from({ length: 29 }, (_, step) => 8 + 2 * step)

/** Longer and longer: what backtracks exponentially must not get to see the full length. */
function tryOut(regex: RegExp, make: (length: number) => string): number {
  let time = 0
  for (const length of [...careful, 128, 512, 4096]) {
    const text = make(length)
    const start = performance.now()
    run(regex, text)
    time = performance.now() - start
    if (time > hopeless) throw new Error(`stuck on ${length} characters`)
  }
  return time
}

function* pumps(regex: RegExp): Generator<(length: number) => string> {
  const spoilers = ['', '\0', '!\n']
  for (const text of seeds(regex)) {
    for (let at = 0; at < text.length; at++) {
      for (const size of [1, 2, 3]) {
        const piece = text.slice(at, at + size)
        for (const end of spoilers) {
          yield (length) => {
            const middle = piece.repeat(Math.ceil(length / piece.length))
            return (text.slice(0, at) + middle + text.slice(at + size) + end).slice(0, length + 8)
          }
        }
      }
    }
  }
}

function seeds(regex: RegExp): readonly string[] {
  const plain = [
    'a',
    'A0-_',
    ' ',
    '\t',
    '\r\n',
    '"',
    '\\',
    '/',
    '.',
    '=',
    ':',
    ',',
    '{',
    '%',
    '\u2028',
    '\u00E9',
    '\uD800',
  ]
  return [...plain, ...matching(regex)]
}

function matching(regex: RegExp): readonly string[] {
  if (!isDrawable(regex)) return []
  try {
    const short = fc.stringMatching(regex, { size: 'small' }).map((text) => text.slice(0, 40))
    return fc.sample(short, { numRuns: 12, seed: 1 })
  } catch {
    // An expression that the generator does not know: the plain texts have to do.
    return []
  }
}

/** The generator draws printable ASCII, and for ever where a negated class leaves none of it. */
function isDrawable({ source, flags }: RegExp): boolean {
  const ascii = Array.from({ length: 95 }, (_, n) => String.fromCharCode(0x20 + n)).join('')
  const negated = source.match(/\[\^(?:\\.|[^\]\\])*\]/g) ?? []
  return negated.every((group) => new RegExp(group, flags.replace('g', '')).test(ascii))
}
