/**
 * Sends every request of the protocol as every kind of caller to servers of both SDK generations, in
 * every way that they are run, and writes what became of it into docs/matrix.md.
 *
 *   pnpm matrix
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { formatMatrix, type Ran } from '../packages/mcp/test/matrix/format-matrix.ts'
import { runWay } from '../packages/mcp/test/matrix/run-matrix.ts'
import { ways } from '../packages/mcp/test/matrix/ways.ts'

const file = new URL('../docs/matrix.md', import.meta.url)
const ran: Ran[] = []
for (const way of ways) ran.push({ way, cells: await runWay(way) })

const table = formatMatrix(ran)
const cells = ran.flatMap((one) => one.cells)
const wrong = cells.filter(({ row, column, verdict }) => verdict !== row.expected[column])
const page = readFileSync(file, 'utf8')
writeFileSync(
  file,
  page.replace(/^\| request [\s\S]*?\n(?!\|)/m, () => `${table}\n`),
)
console.log(table)
console.log(`matrix: ways=${ways.length} cells=${cells.length} wrong=${wrong.length}`)
process.exitCode = wrong.length > 0 ? 1 : 0
