/**
 * Verifies a log of a million events, and says how fast and in how much memory.
 *
 *   pnpm --filter bench audit:verify [EVENTS]
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileSink, verifyLog } from '@onbehalf/audit'
import { exampleEvent, exampleResult } from './audit-events.ts'

const [count = '1000000', directory] = process.argv.slice(2)
if (directory === undefined) await writeAndVerify(Number(count))
else await verify(directory)

// The log is read by a process of its own, so that the memory of writing is not counted.
async function writeAndVerify(events: number): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-verify-'))
  try {
    await write(scratch, events)
    const script = process.argv[1] ?? ''
    const args = [...process.execArgv, script, count, scratch]
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
    process.exitCode = status ?? 1
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

async function write(scratch: string, events: number): Promise<void> {
  const sink = fileSink({ directory: scratch, signer: null })
  for (let done = 0; done < events; done += 5_000) {
    const intents = Array.from({ length: 2_500 }, exampleEvent)
    const all = intents.flatMap((event) => [event, exampleResult(event)])
    await Promise.all(all.map((event) => sink.write(event)))
  }
  await sink.close()
}

async function verify(log: string): Promise<void> {
  const before = process.cpuUsage()
  const started = performance.now()
  const { ok, records } = await verifyLog(log)
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(before)
  const perSecond = (time: number): string => Math.round(records / time).toLocaleString('en')
  console.log(`${ok ? 'holds together' : 'NOT INTACT'}: ${records} records`)
  console.log(`  ${perSecond(seconds)} a second`)
  console.log(`  ${perSecond((user + system) / 1e6)} a second of processor time`)
  console.log(`  peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`)
  if (!ok) process.exitCode = 1
}
