import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HeadWriter } from '../chain/head-writer.ts'
import { emptyChain } from '../chain/record.ts'
import { headText } from '../heads/head.ts'
import { chainsOf, endedFile, headsFile as headsFileOf } from '../log/file-names.ts'
import { type ChainLock, lockChain } from './chain-lock.ts'
import type { FileSinkSettings } from './file-sink-settings.ts'
import { recoverChain, SignerAway, UnfitChain } from './recover-chain.ts'
import { ChainWriter, Segment } from './segment.ts'

/** A chain that this process writes. */
export interface OpenLog {
  readonly lock: ChainLock
  readonly writer: ChainWriter
  readonly heads: HeadWriter
  readonly headsFile: Segment
}

/** Continues a chain that no process writes and that its last head covers, or begins one. */
export async function openLog(settings: FileSinkSettings): Promise<OpenLog> {
  const { directory } = settings
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const names = await readdir(directory)
  for (const chain of chainsOf(names)) {
    if (names.includes(endedFile(chain))) continue
    const log = await resume(settings, chain)
    if (log === 'signer away') break
    if (log !== undefined) return log
  }
  return begin(settings)
}

async function begin(settings: FileSinkSettings): Promise<OpenLog> {
  const { directory, openFile } = settings
  const chain = randomBytes(8).toString('hex')
  const lock = lockChain(directory, chain)
  if (lock === undefined) throw new Error('a new chain is already locked')
  const headsFile = new Segment(join(directory, headsFileOf(chain)), openFile)
  try {
    // There from the first moment, if empty: a chain without the file has lost its heads.
    await headsFile.open()
  } catch (error) {
    await rm(headsFile.path, { force: true }).catch(() => undefined)
    lock.release()
    throw error
  }
  const writer = new ChainWriter(settings, emptyChain(chain), { number: 1, size: undefined })
  return opened(settings, lock, writer, headsFile)
}

async function resume(
  settings: FileSinkSettings,
  chain: string,
): Promise<OpenLog | 'signer away' | undefined> {
  const { directory, openFile } = settings
  const lock = lockChain(directory, chain)
  if (lock === undefined) return undefined
  try {
    const { state, end, headsSize } = await recoverChain(settings, chain)
    const headsFile = new Segment(join(directory, headsFileOf(chain)), openFile, headsSize)
    return opened(settings, lock, new ChainWriter(settings, state, end), headsFile)
  } catch (cause) {
    if (cause instanceof UnfitChain) await markEnded(directory, chain)
    lock.release()
    settings.onError(new Error(`chain ${chain} cannot continue, another one is begun`, { cause }))
    return cause instanceof SignerAway ? 'signer away' : undefined
  }
}

// A note for the next start, which would find the same. Without it, it looks again.
async function markEnded(directory: string, chain: string): Promise<void> {
  await writeFile(join(directory, endedFile(chain)), '', { mode: 0o600 }).catch(() => undefined)
}

function opened(
  settings: FileSinkSettings,
  lock: ChainLock,
  writer: ChainWriter,
  headsFile: Segment,
): OpenLog {
  const heads = new HeadWriter(settings, writer.state, (head) =>
    headsFile.append(Buffer.from(`${headText(head)}\n`, 'utf8')),
  )
  heads.start()
  return { lock, writer, heads, headsFile }
}
