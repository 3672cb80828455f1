/**
 * Opens and closes sessions, streams, listens, tasks and elicitations in every set-up, and counts
 * what is alive afterwards.
 *
 *   pnpm lifetimes [COUNT] [SECONDS]
 *
 * COUNT is how many of each are opened (default 100000); SECONDS bounds what each kind may take
 * (default 600). It fails when anything is left alive, or when the heap has grown.
 */
import { kinds } from '../test/lifetimes/kinds/index.ts'
import { runKind } from '../test/lifetimes/run-kind.ts'

// Tables of weak references keep the size that they needed between two collections: of V8, megabytes once,
// whatever follows. The least of what a session holds would be a gigabyte after 100,000.
const mostGrowth = 12_000_000

async function main(count: number, seconds: number): Promise<boolean> {
  console.log(`| kind | opened and closed | alive | timers | heap, MB | seconds |`)
  console.log('| --- | --- | --- | --- | --- | --- |')
  let isFlat = true
  for (const kind of kinds) {
    const started = performance.now()
    const { rounds, alive, timers, growth } = await runKind(kind, count, seconds)
    const took = ((performance.now() - started) / 1000).toFixed(0)
    const sign = growth < 0 ? '' : '+'
    const heap = `${sign}${(growth / 1e6).toFixed(1)}`
    const isGood = alive === 0 && timers === 0 && growth < mostGrowth
    isFlat &&= isGood
    const cells = [kind.name, rounds, alive, timers, heap, took]
    console.log(`| ${cells.join(' | ')} |${isGood ? '' : ' FAILED'}`)
  }
  console.log(`lifetimes: ${isFlat ? 'passed' : 'FAILED'}`)
  return isFlat
}

const [count = '100000', seconds = '600'] = process.argv.slice(2)
if (!/^[1-9]\d*$/.test(count) || !/^[1-9]\d*$/.test(seconds)) {
  console.error('usage: pnpm lifetimes [COUNT] [SECONDS]')
  process.exitCode = 2
} else {
  process.exitCode = (await main(Number(count), Number(seconds))) ? 0 : 1
}
