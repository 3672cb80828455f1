// Prints `N passed, N failed[, N skipped]` from vitest's JSON report; fails when a test failed or none ran.
import { existsSync, readFileSync } from 'node:fs'

const [file] = process.argv.slice(2)

if (existsSync(file)) count(JSON.parse(readFileSync(file, 'utf8')))
else fail('no test ran: vitest left no report')

function count(report) {
  const { numPassedTests: passed, numFailedTests: failed } = report
  const skipped = report.numPendingTests + report.numTodoTests
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  if (!report.success || failed > 0) fail('tests failed')
  if (passed === 0) fail('no test passed')
}

function fail(reason) {
  console.error(reason)
  process.exitCode = 1
}
