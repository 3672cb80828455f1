import { existsSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { compareThreats, families, idsOf } from '../../scripts/threats/compare-threats.ts'
import { runningTests } from '../../scripts/threats/running-tests.ts'

const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')
const sheetFile = new URL('../../../shared/facts/threats.md', import.meta.url)
const sheet = existsSync(sheetFile) ? readFileSync(sheetFile, 'utf8') : undefined
if (sheet === undefined) console.warn('skipped: no list of attacks beside this repository')

describe('docs/security.md', () => {
  let tests: readonly string[] = []

  beforeAll(async () => {
    tests = await runningTests()
  }, 180_000)

  it.each(families)(
    'names a running test for each attack of family %s, and each test',
    (family) => {
      expect(compareThreats(family, { page, tests })).toEqual([])
    },
  )

  // The list is older than calls of other APIs, than consent, and than keys and signed headers.
  const listed = families.filter((family) => !['H', 'I', 'J'].includes(family))

  it.skipIf(sheet === undefined).each(listed)('covers the list of attacks: family %s', (family) => {
    expect(idsOf(sheet ?? '').some((id) => id.startsWith(family))).toBe(true)
    expect(compareThreats(family, { ...(sheet && { sheet }), page, tests })).toEqual([])
  })
})

describe('the comparison', () => {
  const row = '| A1 | forged | `TOK` | A1 refuses it |'
  const tests = ['A1 refuses it: twice']

  it('is content with a row whose test runs', () => {
    expect(compareThreats('A', { sheet: '| A1 | x |', page: row, tests })).toEqual([])
  })

  it.each([
    ['an attack without a row', { sheet: '| A1 |\n| A2 |', page: row, tests }],
    ['an attack without a test', { sheet: '| A1 |', page: row, tests: [] }],
    ['a row without a test', { page: row, tests: ['A1 does something else'] }],
    ['a row with the test of another attack', { page: row.replace(/A1 ref/, 'A2 ref'), tests }],
    ['a test without a row', { page: row, tests: [...tests, 'A9 refuses it'] }],
    ['two rows of one attack', { page: `${row}\n${row}`, tests }],
    ['a family without a row', { page: '', tests: [] }],
  ])('finds %s', (_what, coverage) => {
    expect(compareThreats('A', coverage)).not.toEqual([])
  })
})
