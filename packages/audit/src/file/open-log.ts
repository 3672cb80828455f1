import { randomBytes } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { HeadWriter } from '../chain/head-writer.ts'
import { emptyChain } from '../chain/record.ts'
import { headText } from '../heads/head.ts'
import { chainsOf, headsFile as headsFileOf } from '../log/file-names.ts'
import { type ChainLock, lockChain } from './chain-lock.ts'
import type { FileSinkSettings } from './file-sink-settings.ts'
import { recoverChain } from './recover-chain.ts'
import { ChainWriter, Segment } from './segment.ts'

/** A chain that this process writes. */
export interface OpenLog {
  readonly lock: ChainLock
  readonly writer: ChainWriter
  readonly heads: HeadWriter
  readonly headsFile: Segment
}

/** Continues a chain that no process writes, or begins one. */
export async function openLog(settings: FileSinkSettings): Promise<OpenLog> {
  await mkdir(settings.directory, { recursive: true, mode: 0o700 })
  const chains = chainsOf(await readdir(settings.directory))
  for (const chain of chains) {
    const log = await resume(settings, chain)
    if (log !== undefined) return log
  }
  return begin(settings)
}

async function begin(settings: FileSinkSettings): Promise<OpenLog> {
  const chain = randomBytes(8).toString('hex')
  const lock = lockChain(settings.directory, chain)
  if (lock === undefined) throw new Error('a new chain is already locked')
  const writer = new ChainWriter(settings, emptyChain(chain), { number: 1, size: undefined })
  return opened(settings, lock, writer, undefined)
}

async function resume(settings: FileSinkSettings, chain: string): Promise<OpenLog | undefined> {
  const lock = lockChain(settings.directory, chain)
  if (lock === undefined) return undefined
  try {
    // Read under the lock: the last owner may have written until a moment ago.
    const names = await readdir(settings.directory)
    const { state, end, headsSize } = await recoverChain(settings.directory, chain, names)
    return await opened(settings, lock, new ChainWriter(settings, state, end), headsSize)
  } catch (cause) {
    lock.release()
    settings.onError(new Error(`chain ${chain} cannot continue, another one is begun`, { cause }))
    return undefined
  }
}

// A chain has a head from its first moment, so that one without any is known to have lost them.
async function opened(
  settings: FileSinkSettings,
  lock: ChainLock,
  writer: ChainWriter,
  headsSize: number | undefined,
): Promise<OpenLog> {
  const { directory, openFile } = settings
  const path = join(directory, headsFileOf(writer.state.chain))
  const headsFile = new Segment(path, openFile, headsSize)
  const heads = new HeadWriter(settings, writer.state, (head) =>
    headsFile.append(Buffer.from(`${headText(head)}\n`, 'utf8')),
  )
  await heads.finish()
  return { lock, writer, heads, headsFile }
}
