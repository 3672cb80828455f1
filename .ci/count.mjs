// Prints the one line `N passed, N failed[, N skipped]` from vitest's JSON report; fails when no test ran or one failed.
import { readFileSync } from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const passed = report.numPassedTests
const failed = report.numFailedTests
const skipped = report.numPendingTests + report.numTodoTests
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = report.success && passed > 0 && failed === 0 ? 0 : 1
