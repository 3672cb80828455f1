/**
 * Attacks an audit log as someone can who may write to its directory and has no key, and counts what
 * verifying says.
 *
 *   pnpm audit:attack [HISTORIES] [FIRST]
 *
 * A history is one to three random edits of the log, and perhaps a restart of the server. Exits 1
 * when one is called signed that the server did not write, or intact that is not whole.
 */
import { attackRun } from './audit-attack/attack-run.ts'

const [count = '10000', first = '0'] = process.argv.slice(2)
const { verdicts, wrong } = await attackRun(Number(count), Number(first))
for (const mistake of wrong.slice(0, 20)) console.log(mistake)
const counts = Object.entries(verdicts).map(([verdict, number]) => `${verdict} ${number}`)
console.log(`${count} histories: ${counts.join(', ')}; wrong ${wrong.length}`)
process.exitCode = wrong.length > 0 ? 1 : 0
