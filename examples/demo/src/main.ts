import { describeAudit } from './audit.ts'
import { make, type Row } from './call.ts'
import { type Cleanup, createCleanup } from './cleanup.ts'
import { gatewayCalls } from './gateway-calls.ts'
import { honestCalls } from './honest.ts'
import { hostileCalls } from './hostile.ts'
import { readOptions } from './options.ts'
import { describeWorld } from './serve.ts'
import { startOnFreePorts, startOnPorts } from './start.ts'
import { printTable, summarize } from './table.ts'
import { type World, ways } from './world.ts'

const interruptedCodes = { SIGINT: 130, SIGTERM: 143 } as const

const cleanup = createCleanup()
const interrupted = new Promise<keyof typeof interruptedCodes>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve)
})

const end: End & { readonly error?: Error } = await Promise.race([
  demonstrate(cleanup).catch((error: Error) => ({ code: 1, error })),
  interrupted.then((signal) => ({ code: interruptedCodes[signal] })),
])
if (end.error) console.error(`demo: ${end.error.message}`)
// An interruption is how a demo that serves is meant to end.
if (end.serves) await interrupted
await cleanup.run()
// Not by `exitCode`: after an interruption, calls may still be under way.
process.exit(end.code)

interface End {
  /** With which the process ends. */
  readonly code: number
  /** Whether everything keeps running until it is interrupted. */
  readonly serves?: boolean
}

/** Makes every call, and prints how each was decided. */
async function demonstrate(undo: Cleanup): Promise<End> {
  const { serve, firstPort } = readOptions(process.argv.slice(2))
  const world = serve ? await startOnPorts(firstPort, undo) : await startOnFreePorts(undo)
  const rows = await makeCalls(world)
  console.log('caller, what they do, what was decided, and whose tokens reached the server')
  printTable(rows)
  console.log(`\n${await describeAudit(world)}`)
  console.log(`\n${summarize(rows)}`)
  if (serve) console.log(await describeWorld(world))
  return { code: rows.every(({ asExpected }) => asExpected) ? 0 : 1, serves: serve }
}

async function makeCalls(world: World): Promise<readonly Row[]> {
  const calls = ways.flatMap((way) => [
    ...honestCalls(way),
    ...gatewayCalls(way),
    ...hostileCalls(way),
  ])
  const rows: Row[] = []
  // One after the other: what reached a server belongs to the call before it.
  for (const call of calls) rows.push(await make(call, world))
  return rows
}
