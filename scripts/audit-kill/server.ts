/**
 * A server that answers calls as soon as its way of keeping records lets it:
 * `server.ts MODE DIRECTORY`. Prints its port.
 */
import { createWriteStream } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createAuditTrail, fileSink, localSigner } from '@onbehalf/audit'
import type { KeepMode } from './modes.ts'

/** Keeps a record of one call while `work` runs, and returns what it is known by. */
type Keep = (call: string, work: () => Promise<void>) => Promise<string>

const [mode = '', directory = '.'] = process.argv.slice(2)

async function strict(): Promise<Keep> {
  const signer = await localSigner(join(directory, 'key.pem'))
  const sink = fileSink({ directory: join(directory, 'log'), signer })
  await sink.ready()
  const trail = createAuditTrail({ sink, mode: 'strict', key: Buffer.alloc(32, 1) })
  return async (call, work) => {
    const target = { kind: 'tool', name: 'list_invoices' } as const
    const intent = await trail.intent({ method: 'tools/call', target, arguments: { call } })
    await work()
    await intent.result({ outcome: 'ok' })
    return intent.id
  }
}

/** Writes to a stream and does not wait for it. */
function stream(): Keep {
  const file = createWriteStream(join(directory, 'calls.log'))
  return async (call, work) => {
    await work()
    file.write(`${call}\n`)
    return call
  }
}

/** Keeps lines in memory and writes them every so many milliseconds. */
function interval(milliseconds: number): Keep {
  let waiting = ''
  setInterval(() => {
    const text = waiting
    waiting = ''
    void appendFile(join(directory, 'calls.log'), text)
  }, milliseconds)
  return async (call, work) => {
    await work()
    waiting += `${call}\n`
    return call
  }
}

const modes: Readonly<Record<KeepMode, () => Keep | Promise<Keep>>> = {
  strict,
  stream,
  'interval of 100 ms': () => interval(100),
  'batch of 5 s': () => interval(5_000),
}

const keep = await modes[mode as KeepMode]()
const handler = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const server = createServer((request, response) => {
  keep(request.url ?? '', handler).then(
    (id) => response.end(id),
    () => response.writeHead(503).end(),
  )
})
server.listen(0, '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port)
})
