/**
 * What identity costs, beside what else one could use: `pnpm bench`, or `pnpm bench --quick` in two
 * minutes. Each subject runs in a process of its own, in turns with the others, and is judged by the
 * processor time of its whole process. Writes bench/results.json, and the plots and tables of
 * docs/performance.md. `tokens` or `calls` behind it measures these alone, and writes nothing.
 */
import { writeFileSync } from 'node:fs'
import { type CallFigures, measureCalls } from './calls/measure.ts'
import { writePage } from './report/page.ts'
import { drawPlots } from './report/plots.ts'
import { describeMachine, describeVersions, type Results } from './report/results.ts'
import { printTable, toTables } from './report/tables.ts'
import type { Signing } from './tokens/fixture.ts'
import { measureTokens, type TokenFigures } from './tokens/measure.ts'

const words = process.argv.slice(2)
const isQuick = words.includes('--quick')
const only = words.find((word) => !word.startsWith('--'))
const signings: readonly Signing[] = ['RS256', 'ES256', 'EdDSA']
const effort = isQuick
  ? { processes: 1, rounds: 5, turn: 60, warmUpCalls: 1_200 }
  : { processes: 3, rounds: 9, turn: 250, warmUpCalls: 8_000 }

const tokens: TokenFigures[] = []
const calls: CallFigures[] = []
if (only !== 'calls') {
  for (const signing of signings) tokens.push(await measureTokens(signing, effort))
}
if (only !== 'tokens') {
  for (const generation of ['v1', 'v2'] as const) calls.push(await measureCalls(generation, effort))
}
const results: Results = {
  machine: describeMachine(),
  versions: describeVersions(),
  isQuick,
  tokens,
  calls,
}
for (const table of toTables(results)) console.log(`\n${printTable(table)}`)
if (only === undefined) {
  const file = new URL('../results.json', import.meta.url)
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`)
  drawPlots(results)
  writePage(results)
}
process.exit(0)
