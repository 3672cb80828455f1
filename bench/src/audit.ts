/**
 * Writing audit events: the durable log, which is on the disk before it is acknowledged, against
 * pino's asynchronous file logging, which acknowledges what is in memory, in one run.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileSink, localSigner } from '@onbehalf/audit'
import { pino } from 'pino'
import { exampleEvent } from './audit-events.ts'
import { compare } from './compare.ts'

const together = Number(process.argv[2] ?? 5_000)
const directory = mkdtempSync(join(tmpdir(), 'onbehalf-bench-'))
const sink = fileSink({
  directory: join(directory, 'log'),
  signer: await localSigner(join(directory, 'key.pem')),
})
const destination = pino.destination({
  dest: join(directory, 'pino.log'),
  sync: false,
  minLength: 4096,
})
const logger = pino({}, destination)

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
// Until the kernel has all but the last few lines. Its `flush` would also wait for the disk, which
// asynchronous logging does not.
const drained = (): Promise<unknown> => once(destination, 'drain')

await compare(`${together} events at a time`, [
  {
    name: 'pino, asynchronous',
    run: async () => {
      const written = drained()
      for (let count = 0; count < together; count++) logger.info(exampleEvent())
      await written
    },
  },
  {
    name: 'durable log',
    run: () => Promise.all(Array.from({ length: together }, () => sink.write(exampleEvent()))),
  },
  {
    name: 'nothing kept',
    run: async () => {
      for (let count = 0; count < together; count++) exampleEvent()
      await turn()
    },
  },
])
await sink.close()
rmSync(directory, { recursive: true })
