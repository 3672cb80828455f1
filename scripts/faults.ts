/**
 * Plays every fault of a key source against real HTTP servers on the loopback, with a clock that
 * does not wait.
 *
 *   pnpm faults [ID ...]
 *
 * Prints what each scenario saw, with the fetches it counted; exits 1 when a bound is broken.
 */
import {
  createFindings,
  type Finding,
  type Scenario,
} from '../test/security/key-faults/findings.ts'
import { scenarios } from '../test/security/key-faults/scenarios.ts'

const limitSeconds = 60

/** A scenario that hangs is a finding, too. */
function inTime(work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const hung = (): void => reject(new Error(`not over after ${limitSeconds} seconds`))
    const timer = setTimeout(hung, limitSeconds * 1000)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

async function play({ id, title, run }: Scenario): Promise<boolean> {
  const found = createFindings()
  const start = performance.now()
  const failure = await inTime(run(found)).then(
    () => undefined,
    (error: unknown) => error,
  )
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  const asExpected = failure === undefined && found.all.every(({ ok }) => ok)
  console.log(`${id} ${title}: ${asExpected ? 'as expected' : 'UNEXPECTED'} (${seconds} s)`)
  for (const finding of found.all) console.log(describe(finding))
  if (failure !== undefined) console.error(failure)
  return asExpected
}

function describe({ what, got, expected, ok }: Finding): string {
  const line = `${what}: ${JSON.stringify(got)}`
  return ok ? `  - ${line} (${expected})` : `  ! ${line}, not ${expected}`
}

let stray = 0
process.on('unhandledRejection', (error) => {
  stray += 1
  console.error('unhandled rejection:', error)
})

const wanted = process.argv.slice(2)
const chosen = scenarios.filter(({ id }) => wanted.length === 0 || wanted.includes(id))
let right = 0
for (const scenario of chosen) if (await play(scenario)) right += 1
const wrong = chosen.length - right
console.log(`faults: ${chosen.length} scenarios, ${right} as expected, ${wrong + stray} unexpected`)
// Not by exit code alone: a scenario that hangs would keep the process alive.
process.exit(right === 0 || wrong + stray > 0 ? 1 : 0)
