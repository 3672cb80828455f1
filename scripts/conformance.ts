/**
 * Runs the MCP conformance suite against a server alone and against the same server with Onbehalf,
 * and writes what it found into docs/conformance.md.
 *
 *   pnpm conformance            writes the page
 *   pnpm conformance --check    fails when the page shows something else
 *
 * Exits 1 when any check of any scenario did not come out alike, and names each.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { compareFindings } from '../test/conformance/compare-findings.ts'
import { findNode } from '../test/conformance/find-node.ts'
import { formatDifference, formatResults, type Result } from '../test/conformance/format-results.ts'
import { type Leg, legs } from '../test/conformance/legs.ts'
import type { Running } from '../test/conformance/listen.ts'
import { runSuite } from '../test/conformance/run-suite.ts'
import { type Serve, startBare, startGuarded } from '../test/conformance/start-server.ts'

const node = await findNode()

async function findWith(start: (serve: Serve) => Promise<Running>, { suite, serve }: Leg) {
  const server = await start(serve)
  try {
    return await runSuite(node, suite, server.url)
  } finally {
    await server.close()
  }
}

const results: Result[] = []
for (const leg of legs) {
  // One after the other: what waits for the other's processor time must not fail for it.
  const bare = await findWith(startBare, leg)
  const guarded = await findWith(startGuarded, leg)
  results.push({ name: leg.name, bare, guarded, differences: compareFindings(bare, guarded) })
}

const file = new URL('../docs/conformance.md', import.meta.url)
const page = readFileSync(file, 'utf8')
const tables = formatResults(results)
const current = page.replace(
  /(?<=^## Read the results\n\n)[\s\S]*?(?=^## )/m,
  () => `${tables}\n\n`,
)
const isOutdated = current !== page
const isCheck = process.argv.includes('--check')
if (!isCheck) writeFileSync(file, current)

console.log(tables)
const differences = results.flatMap(({ name, differences: own }) =>
  own.map((difference) => `${name}: ${formatDifference(difference)}`),
)
for (const difference of differences) console.error(difference)
const scenarios = results.reduce((sum, { bare }) => sum + Object.keys(bare).length, 0)
console.log(`conformance: scenarios=${scenarios} differences=${differences.length}`)
if (isCheck && isOutdated) console.error('docs/conformance.md shows something else')
process.exitCode = differences.length > 0 || (isCheck && isOutdated) ? 1 : 0
