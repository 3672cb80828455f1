/**
 * Sends mutated tokens and headers to a real server and compares verdicts with plain jose.
 *
 *   pnpm fuzz [COUNT] [SEED]
 *
 * COUNT is the number of requests (default 1000000); a tenth as many tokens are compared. A failure
 * prints the smallest request that shows it and the seed that finds it again.
 */
import { runCampaign } from '../test/security/fuzz/campaign.ts'
import { compareTokens, compareVectors } from '../test/security/fuzz/differential.ts'

// Collections leave a few percent of play; a leak of one request each would be far beyond.
const mostGrowth = 1.25

async function main(count: number, seed: number): Promise<boolean> {
  console.log(`fuzz: ${count} requests, seed ${seed}`)
  const started = performance.now()
  const report = await runCampaign({ count, seed, onProgress: progress(count) })
  const { requests, overHttp, accepted, keyFetches, heap } = report
  console.log(`requests=${requests} http=${overHttp} accepted=${accepted} (each of them unchanged)`)
  for (const [reason, times] of [...report.reasons].sort(([, a], [, b]) => b - a)) {
    console.log(`  ${reason.padEnd(26)} ${times}`)
  }
  console.log(`key fetches=${keyFetches}`)
  console.log(`heap: ${heap.quarter} MB at a quarter, ${heap.end} MB at the end`)

  const tokens = await compareTokens({ count: Math.ceil(count / 10), seed })
  console.log(
    `jose: compared=${tokens.compared} accepted=${tokens.accepted} disputed=${tokens.disputed.length}`,
  )
  const vectors = await compareVectors()
  console.log(
    `vectors: compared=${vectors.compared} accepted=${vectors.accepted} disputed=${vectors.disputed.length}`,
  )
  const disputed = [...tokens.disputed, ...vectors.disputed]
  for (const one of disputed.slice(0, 20)) console.log(`disputed: ${one}`)

  const seconds = Math.round((performance.now() - started) / 1000)
  const flat = heap.end <= heap.quarter * mostGrowth
  console.log(`fuzz: ${flat && disputed.length === 0 ? 'passed' : 'FAILED'} in ${seconds} s`)
  return flat && disputed.length === 0
}

function progress(count: number): (done: number) => void {
  const step = Math.max(1000, Math.ceil(count / 20 / 1000) * 1000)
  return (done) => {
    if (done % step === 0) console.log(`  ${done} of ${count}`)
  }
}

const [count = '1000000', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)
if (!/^[1-9]\d*$/.test(count) || !/^\d+$/.test(seed)) {
  console.error('usage: pnpm fuzz [COUNT] [SEED]')
  process.exitCode = 2
} else {
  process.exitCode = (await main(Number(count), Number(seed))) ? 0 : 1
}
