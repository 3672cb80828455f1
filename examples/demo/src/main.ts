import { once } from 'node:events'
import { describeAudit } from './audit.ts'
import { make, type Row } from './call.ts'
import { honestCalls } from './honest.ts'
import { hostileCalls } from './hostile.ts'
import { machineCalls } from './machine.ts'
import { fixedPorts, freePorts } from './ports.ts'
import { describeWorld } from './serve.ts'
import { printTable, summarize } from './table.ts'
import { startWorld, ways } from './world.ts'

const serve = process.argv.includes('--serve')
const world = await startWorld(serve ? fixedPorts : await freePorts())
try {
  const rows: Row[] = []
  const calls = ways.flatMap((way) => [
    ...honestCalls(way),
    ...machineCalls(way),
    ...hostileCalls(way),
  ])
  // One after the other: what reached a server belongs to the call before it.
  for (const call of calls) rows.push(await make(call, world))
  console.log('caller, what they do, what was decided, and whose tokens reached the server')
  printTable(rows)
  console.log(`\n${await describeAudit(world)}`)
  console.log(`\n${summarize(rows)}`)
  if (rows.some(({ asExpected }) => !asExpected)) process.exitCode = 1
  if (serve) {
    console.log(await describeWorld(world))
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  }
} finally {
  await world.stop()
}
