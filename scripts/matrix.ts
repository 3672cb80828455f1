/**
 * Writes two tables of the guide from what servers of both SDK generations do, in every way that they
 * are run: every request of the protocol from every kind of caller (docs/matrix.md), and every
 * attempt on what another caller has opened (docs/sessions.md).
 *
 *   pnpm matrix
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { formatMatrix, type Ran } from '../packages/mcp/test/matrix/format-matrix.ts'
import { runWay } from '../packages/mcp/test/matrix/run-matrix.ts'
import {
  type Attempted,
  formatKeeping,
  keepingWays,
  runKeeping,
} from '../packages/mcp/test/matrix/sessions.ts'
import { ways } from '../packages/mcp/test/matrix/ways.ts'

/** Puts a table in the place of the one that starts with the same cell. */
function writeTable(page: string, table: string): void {
  const file = new URL(`../docs/${page}`, import.meta.url)
  const [first = ''] = table.split(' |')
  const old = new RegExp(`^\\${first} \\|[\\s\\S]*?\\n(?!\\|)`, 'm')
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(old, () => `${table}\n`),
  )
  console.log(table)
}

const ran: Ran[] = []
for (const way of ways) ran.push({ way, cells: await runWay(way) })
const cells = ran.flatMap((one) => one.cells)
const wrong = cells.filter(({ row, column, verdict }) => verdict !== row.expected[column])
writeTable('matrix.md', formatMatrix(ran))
console.log(`matrix: ways=${ways.length} cells=${cells.length} wrong=${wrong.length}`)

const tried: Attempted[] = []
for (const way of keepingWays) tried.push(...(await runKeeping(way)))
const leaks = tried.filter(({ verdict }) => /LEAK|LOST/.test(verdict))
writeTable('sessions.md', formatKeeping(tried))
console.log(`sessions: ways=${keepingWays.length} attempts=${tried.length} leaks=${leaks.length}`)

process.exitCode = wrong.length + leaks.length > 0 ? 1 : 0
