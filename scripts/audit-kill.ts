/**
 * Kills a server under load and counts the calls that it had answered and has no record of.
 *
 *   pnpm audit:kill [RUNS]
 *
 * Other ways of keeping records run beside it for comparison. Exits 1 when the strict trail lost
 * anything.
 */
import { killRun } from './audit-kill/kill-run.ts'
import type { KeepMode } from './audit-kill/modes.ts'

const runs = Number(process.argv[2] ?? 20)
const baselines: readonly KeepMode[] = ['stream', 'interval of 100 ms', 'batch of 5 s']

async function repeat(mode: KeepMode, count: number): Promise<boolean> {
  const total = { acknowledged: 0, lost: 0, unknownOutcomes: 0, broken: 0 }
  for (let run = 0; run < count; run++) {
    const result = await killRun(mode)
    total.acknowledged += result.acknowledged
    total.lost += result.lost
    total.unknownOutcomes += result.unknownOutcomes
    total.broken += result.isIntact ? 0 : 1
  }
  const { acknowledged, lost, unknownOutcomes, broken } = total
  const counts = [
    `${count} kills`,
    `acknowledged ${acknowledged}`,
    `lost ${lost}`,
    ...(mode === 'strict' ? [`unknown outcome ${unknownOutcomes}`, `broken logs ${broken}`] : []),
  ]
  console.log(`${mode.padEnd(20)} ${counts.join(', ')}`)
  return lost === 0 && broken === 0 && acknowledged > 0
}

const isRight = await repeat('strict', runs)
for (const mode of baselines) await repeat(mode, Math.max(1, Math.round(runs / 5)))
if (!isRight) process.exitCode = 1
