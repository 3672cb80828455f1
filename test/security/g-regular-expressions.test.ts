import { createRequire } from 'node:module'
import { issuer } from '@onbehalf/core'
import { parseToken } from '@onbehalf/core/internal'
import { describe, expect, it } from 'vitest'
import { createKey, signWith } from './support/keys.ts'
import { audience, issuerName } from './support/names.ts'
import { builtExpressions, publishedExpressions } from './support/regular-expressions.ts'
import { costsAtMost } from './support/timing.ts'
import { claimsOf, compact, headerOf } from './support/token.ts'

// The build in JavaScript, in this process. Its limits are of steps alone: the verdict is the same each time.
const { checkSync } = createRequire(import.meta.url)(
  'recheck/lib/browser.js',
) as typeof import('recheck')
const limits = {
  timeout: null,
  attackTimeout: null,
  incubationTimeout: null,
  seedingTimeout: null,
  maxRepeatCount: 1000,
  maxPatternSize: 5000,
  maxNFASize: 3000,
}
const verdictOn = ({ source, flags }: RegExp): string => checkSync(source, flags, limits).status

describe('G5 regular expressions', () => {
  const expressions = publishedExpressions()

  it('G5 finds the expressions that it is about', () => {
    expect(expressions.length).toBeGreaterThan(10)
    expect(expressions.map(({ where }) => where).join()).toContain('credentials.ts')
  })

  it.each(expressions)('G5 finds no text that makes it backtrack: $where', ({ regex }) => {
    expect(verdictOn(regex)).toBe('safe')
  })

  it.each([
    /\s+$/,
    /^(?:(?:a+)+)+!$/,
    /(?:a|a)*b/,
    // Those of its second method, which tries texts instead of proving that there is none.
    /(?<!x)\s*,\s*$/,
    /^(?=a)(?:(?:a{1,60})+)+!$/,
  ])('G5 would notice an expression that backtracks: %s', (regex) => {
    expect(verdictOn(regex)).toBe('vulnerable')
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
    const read = (length: number) => {
      const whole = token(length)
      return (): unknown => attempt(whole)
    }
    // Eight times the length: eight times the work if it is linear, 64 times if it is quadratic.
    expect(await costsAtMost(24, read(10_000), read(1250))).toBe(true)
  })

  function attempt(token: string): unknown {
    try {
      return parseToken(token)
    } catch (error) {
      return error
    }
  }
})
