import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { formatMatrix, type Ran } from './format-matrix.ts'
import { columns, rows } from './rows.ts'
import { runWay } from './run-matrix.ts'
import { ways } from './ways.ts'

const page = readFileSync(new URL('../../../../docs/matrix.md', import.meta.url), 'utf8')
const ran: Ran[] = []

test.each(ways)('every request meets its guard: $name', async (way) => {
  const cells = await runWay(way)
  ran.push({ way, cells })
  expect(cells).toHaveLength(rows.length * columns.length)
  const wrong = cells.filter(({ row, column, verdict }) => verdict !== row.expected[column])
  expect(
    wrong.map(({ row, column, verdict }) => [row.method, row.about, column, verdict].join(' ')),
  ).toEqual([])
})

test('the page shows what was found', () => {
  expect(page).toContain(formatMatrix(ran))
  for (const { name } of ways) expect(page).toContain(`- ${name}\n`)
})
