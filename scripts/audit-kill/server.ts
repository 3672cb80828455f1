/**
 * A guarded MCP server that answers calls as soon as its way of keeping records lets it:
 * `server.ts MODE DIRECTORY`. Reads the keys of its issuer from the directory, and prints its port.
 */
import { createWriteStream, readFileSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import {
  createAuditTrail,
  type FileSinkOptions,
  fileSink,
  localSigner,
  type Signer,
} from '@onbehalf/audit'
import { createGuardedSite, type GuardedSiteOptions } from '../../test/e2e/support/guarded-site.ts'
import type { KeepMode } from './modes.ts'

/** How a server keeps records: in its audit trail, or by what its tool does on its own. */
type Keeping = Pick<GuardedSiteOptions, 'audit' | 'run'>

const [mode = '', directory = '.'] = process.argv.slice(2)

async function strict(options: Partial<FileSinkOptions> = {}): Promise<Keeping> {
  const signer = await localSigner(join(directory, 'key.pem'))
  const sink = fileSink({ directory: join(directory, 'log'), signer, ...options })
  await sink.ready()
  const levels = { default: 'arguments' } as const
  return {
    audit: createAuditTrail({ sink, mode: 'strict', key: Buffer.alloc(32, 1), levels }),
  }
}

/** Begins another file all the time, and signs heads when the signer is there. */
async function strictInTinyFiles(): Promise<Keeping> {
  const signer = comesAndGoes(await localSigner(join(directory, 'key.pem')))
  return strict({ signer, maxSegmentBytes: 2_000, headEveryRecords: 5, headEverySeconds: 0.01 })
}

function comesAndGoes(signer: Signer): Signer {
  const sign: Signer['sign'] = (bytes) =>
    Math.random() < 0.5 ? Promise.reject(new Error('the signer is away')) : signer.sign(bytes)
  return { ...signer, sign }
}

/** Writes to a stream and does not wait for it. */
function stream(): Keeping {
  const file = createWriteStream(join(directory, 'calls.log'))
  return { run: (call) => void file.write(`${call}\n`) }
}

/** Keeps lines in memory and writes them every so many milliseconds. */
function interval(milliseconds: number): Keeping {
  let waiting = ''
  setInterval(() => {
    const text = waiting
    waiting = ''
    void appendFile(join(directory, 'calls.log'), text)
  }, milliseconds)
  return {
    run: (call) => {
      waiting += `${call}\n`
    },
  }
}

const modes: Readonly<Record<KeepMode, () => Keeping | Promise<Keeping>>> = {
  strict: () => strict(),
  'strict, tiny files': strictInTinyFiles,
  stream,
  'interval of 100 ms': () => interval(100),
  'batch of 5 s': () => interval(5_000),
}

const jwks = JSON.parse(readFileSync(join(directory, 'jwks.json'), 'utf8')) as never
const server = createGuardedSite({ jwks, ...(await modes[mode as KeepMode]()) })
server.listen(0, '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port)
})
