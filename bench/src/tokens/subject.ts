/** One subject: `subject.ts new|known NAME FIXTURE`. Works until its turn is over, and prints what the work took. */
import { readFileSync } from 'node:fs'
import type { Turn } from '../child.ts'
import type { Fixture } from './fixture.ts'
import { knownTokens, newTokens, type Verify } from './subjects.ts'

const [kind, name = '', file = ''] = process.argv.slice(2)
const fixture = JSON.parse(readFileSync(file, 'utf8')) as Fixture
const create = (kind === 'new' ? newTokens : knownTokens)[name]
if (create === undefined) throw new TypeError(`There is no ${name}`)
// As many people as are active at once.
const knownUsers = 200
const tokens = kind === 'new' ? fixture.tokens : fixture.tokens.slice(0, knownUsers)
const batch = 25
const warmUpMilliseconds = 1_000
let next = 0

async function work(verify: Verify, milliseconds: number): Promise<Turn> {
  const usage = process.cpuUsage()
  const started = performance.now()
  let operations = 0
  // By its own time: a busy machine must not make a turn shorter.
  while (process.cpuUsage(usage).user < milliseconds * 1000) {
    for (let at = 0; at < batch; at++) {
      const result = verify(tokens[next] as string)
      if (result instanceof Promise) await result
      next = (next + 1) % tokens.length
    }
    operations += batch
  }
  const { user, system } = process.cpuUsage(usage)
  const wallMicroseconds = (performance.now() - started) * 1000
  return { operations, cpuMicroseconds: user + system, wallMicroseconds }
}

const verify = await create(fixture)
for (const token of tokens) await verify(token)
// Until it is as fast as it will be.
await work(verify, warmUpMilliseconds)
process.on('message', (milliseconds: number) => {
  void work(verify, milliseconds).then((turn) => process.send?.(turn))
})
process.send?.('ready')
