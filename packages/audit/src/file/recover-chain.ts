import { appendFile, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type ParsedLine, parseLine } from '../chain/parse-line.ts'
import { type ChainState, emptyChain } from '../chain/record.ts'
import { isHeadOf } from '../chain/sign-head.ts'
import { type LogHead, parseHead } from '../heads/head.ts'
import type { Signer } from '../heads/signer.ts'
import { headsFile, segmentsOf } from '../log/file-names.ts'
import { readChunks } from '../log/read-chunks.ts'
import { fromBase64url, GrowingTree } from '../merkle/tree.ts'
import type { OpenEnd } from './segment.ts'

/** A chain as it was found, ready to continue. */
export interface RecoveredChain {
  readonly state: ChainState
  readonly end: OpenEnd
  /** Good bytes of its heads. */
  readonly headsSize: number
}

/** A chain that no process may continue, now or later. */
export class UnfitChain extends Error {}

/** The signer does not answer, so that nobody can say whose chains these are. */
export class SignerAway extends Error {}

/**
 * Finds where a chain ended, which must be where the last head says: to continue behind other records
 * would be to sign what anyone may have written there. Puts a torn last line aside in
 * `<segment>.torn`.
 *
 * @throws UnfitChain when its end is not what this signer signed, SignerAway when that is not known
 */
export async function recoverChain(
  { directory, signer }: { readonly directory: string; readonly signer: Signer | null },
  chain: string,
): Promise<RecoveredChain> {
  // Read under the lock: the last owner may have written until a moment ago.
  const names = await readdir(directory)
  const { head, headsSize } = await lastHead(directory, chain, names)
  const end = await lastSegment(directory, chain, names)
  assertMeets(head, end.last)
  if (head !== undefined) await assertSigned(head, signer)
  if (end.torn.length > 0) await putAside(end.file, end.torn, end.size ?? 0)
  return { state: head === undefined ? emptyChain(chain) : stateOf(head), end, headsSize }
}

function stateOf({ chain, size, peaks, last }: LogHead): ChainState {
  return { chain, last, tree: GrowingTree.resume(size, peaks.map(fromBase64url)) }
}

/** @throws UnfitChain unless the last record is the one that the head ends with */
function assertMeets(head: LogHead | undefined, last: ParsedLine | undefined): void {
  const [known, found] = [head?.size ?? 0, last?.seq ?? 0]
  if (found < known) throw new UnfitChain('records are missing')
  if (found > known) throw new UnfitChain(`${found - known} records follow its last head`)
  if (last !== undefined && (!last.isWhole || last.hash !== head?.last)) {
    throw new UnfitChain('its last record is changed')
  }
}

async function assertSigned(head: LogHead, signer: Signer | null): Promise<void> {
  const isOwn = await isHeadOf(signer, head).catch((cause: unknown) => {
    throw new SignerAway('the signer does not answer', { cause })
  })
  if (!isOwn) throw new UnfitChain('its last head is of another signer')
}

/** The last head, and the size of the file without a torn line at its end. */
async function lastHead(
  directory: string,
  chain: string,
  names: readonly string[],
): Promise<{ head?: LogHead; headsSize: number }> {
  const file = headsFile(chain)
  if (!names.includes(file)) throw new UnfitChain('its heads are gone')
  const { line, good } = await readEnd(join(directory, file))
  if (line === undefined) return { headsSize: good }
  const head = parseHead(line.toString('utf8'))
  if (head?.chain !== chain) throw new UnfitChain('its last head is changed')
  return { head, headsSize: good }
}

interface LastSegment extends OpenEnd {
  readonly file: string
  /** The last record of the chain. */
  readonly last: ParsedLine | undefined
  /** What follows its newline. */
  readonly torn: Uint8Array
}

async function lastSegment(
  directory: string,
  chain: string,
  names: readonly string[],
): Promise<LastSegment> {
  const segments = segmentsOf(names, chain).toReversed()
  const [newest] = segments
  if (newest === undefined) {
    return { number: 1, size: undefined, file: '', last: undefined, torn: Buffer.alloc(0) }
  }
  const file = join(directory, newest.file)
  const { good, torn, line } = await readEnd(file)
  const end = { number: newest.number, size: good, file, torn }
  if (line !== undefined) return { ...end, last: toRecord(line) }
  // A file that was begun and never written: the record before it is in an older one.
  for (const older of segments.slice(1)) {
    const { line: before } = await readEnd(join(directory, older.file))
    if (before !== undefined) return { ...end, last: toRecord(before) }
  }
  return { ...end, last: undefined }
}

function toRecord(line: Buffer): ParsedLine {
  const record = parseLine(line, 0, line.length)
  if (record === undefined) throw new UnfitChain('its last line is not a record')
  return record
}

/** The last whole line of a file, where it ends, and what follows it. */
async function readEnd(
  file: string,
): Promise<{ line: Buffer | undefined; good: number; torn: Buffer }> {
  let line: Buffer | undefined
  let [good, torn] = [0, Buffer.alloc(0)]
  for await (const { bytes, end, offset } of readChunks(file)) {
    good = offset + end
    torn = Buffer.from(bytes.subarray(end))
    if (end === 0) continue
    const start = end < 2 ? 0 : bytes.lastIndexOf(0x0a, end - 2) + 1
    line = Buffer.from(bytes.subarray(start, end - 1))
  }
  return { line, good, torn }
}

async function putAside(file: string, torn: Uint8Array, good: number): Promise<void> {
  await appendFile(`${file}.torn`, Buffer.concat([torn, Buffer.from('\n')]), { mode: 0o600 })
  const handle = await open(file, 'r+')
  try {
    await handle.truncate(good)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}
