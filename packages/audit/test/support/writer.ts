/**
 * A process that writes a log: `writer.ts DIRECTORY COUNT`. Prints how many events were kept and how
 * many refused, and ends when it is told to by SIGTERM, or after so many events.
 */
import { fileSink } from '@onbehalf/audit'
import { eventOf } from './events.ts'

const [directory = '', count = '0'] = process.argv.slice(2)
const sink = fileSink({ directory, signer: null, maxSegmentBytes: 1_000_000_000 })
await sink.ready()
let isStopped = false
process.once('SIGTERM', () => {
  isStopped = true
})
let [kept, refused] = [0, 0]
for (let number = 0; number < Number(count) && !isStopped; number += 10) {
  const writes = Array.from({ length: 10 }, (_, at) => sink.write(eventOf(number + at)))
  for (const { status } of await Promise.allSettled(writes)) {
    if (status === 'fulfilled') kept += 1
    else refused += 1
  }
}
await sink.close()
process.stdout.write(JSON.stringify({ kept, refused }))
