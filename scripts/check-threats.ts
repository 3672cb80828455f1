/**
 * Checks that every attack has a row in docs/security.md and a test that runs.
 *
 *   pnpm threats [SHEET]
 *
 * SHEET is a text with a table row for each attack, beginning with its id; without it the page is
 * compared with the tests alone. Prints what is missing; exits 1 when something is.
 */
import { readFileSync } from 'node:fs'
import { compareThreats, families } from './threats/compare-threats.ts'
import { runningTests } from './threats/running-tests.ts'

const [sheetFile] = process.argv.slice(2)
const page = readFileSync(new URL('../docs/security.md', import.meta.url), 'utf8')
const tests = await runningTests()
const sheet = sheetFile === undefined ? {} : { sheet: readFileSync(sheetFile, 'utf8') }
const problems = families.flatMap((family) => compareThreats(family, { ...sheet, page, tests }))

for (const problem of problems) console.log(problem)
console.log(`threats: tests=${tests.length} missing=${problems.length}`)
process.exitCode = problems.length > 0 || tests.length === 0 ? 1 : 0
