/**
 * Kills a server under load and counts the calls that it had answered and has no record of.
 *
 *   pnpm audit:kill [RUNS]
 *
 * Other ways of keeping records run beside it for comparison. Then servers crash whose disk and signer
 * come and go, ten for each kill. Exits 1 when the strict trail lost anything, or left a log that
 * something contradicts.
 */
import { faultRun } from './audit-kill/fault-run.ts'
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
    total.broken += result.isWhole ? 0 : 1
  }
  const { acknowledged, lost, unknownOutcomes, broken } = total
  const counts = [
    `${count} kills`,
    `acknowledged ${acknowledged}`,
    `lost ${lost}`,
    ...(mode.startsWith('strict')
      ? [`unknown outcome ${unknownOutcomes}`, `broken logs ${broken}`]
      : []),
  ]
  console.log(`${mode.padEnd(20)} ${counts.join(', ')}`)
  return lost === 0 && broken === 0 && acknowledged > 0
}

async function crash(count: number): Promise<boolean> {
  const total = { acknowledged: 0, refused: 0, lost: 0, signedThoughRefused: 0, broken: 0 }
  for (let seed = 0; seed < count; seed++) {
    const { isWhole, ...result } = await faultRun(seed)
    for (const name of ['acknowledged', 'refused', 'lost', 'signedThoughRefused'] as const) {
      total[name] += result[name]
    }
    total.broken += isWhole ? 0 : 1
  }
  const { acknowledged, refused, lost, signedThoughRefused, broken } = total
  console.log(
    `failing disks        ${count} logs, acknowledged ${acknowledged}, refused ${refused}, lost ${lost}, signed though refused ${signedThoughRefused}, broken logs ${broken}`,
  )
  return lost === 0 && signedThoughRefused === 0 && broken === 0 && acknowledged > 0
}

const isRight = [
  await repeat('strict', runs),
  await repeat('strict, tiny files', runs),
  await crash(runs * 10),
].every(Boolean)
for (const mode of baselines) await repeat(mode, Math.max(1, Math.round(runs / 5)))
if (!isRight) process.exitCode = 1
