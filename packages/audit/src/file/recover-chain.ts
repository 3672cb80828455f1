import { appendFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { parseLine } from '../chain/parse-line.ts'
import { type ChainState, emptyChain } from '../chain/record.ts'
import { type LogHead, parseHead } from '../heads/head.ts'
import { headsFile, type SegmentName, segmentsOf } from '../log/file-names.ts'
import { readChunks } from '../log/read-chunks.ts'
import { fromBase64url, GrowingTree } from '../merkle/tree.ts'
import type { OpenEnd } from './segment.ts'

/** A chain as it was found, ready to continue. */
export interface RecoveredChain {
  readonly state: ChainState
  readonly end: OpenEnd
  /** Good bytes of its heads; undefined where there is no file of them. */
  readonly headsSize: number | undefined
}

/**
 * Finds where a chain ended. Reads what follows its last head, and puts a torn last line aside in
 * `<segment>.torn`.
 *
 * @throws Error when the end of the chain does not hold together: it must not be written on
 */
export async function recoverChain(
  directory: string,
  chain: string,
  names: readonly string[],
): Promise<RecoveredChain> {
  const segments = segmentsOf(names, chain)
  const { head, headsSize } = await readHeads(directory, chain, names)
  const state = head === undefined ? emptyChain(chain) : stateOf(head)
  const known = state.tree.size
  // It had one from its first moment: to continue would sign whatever is left of it.
  if (head === undefined && segments.length > 0) throw new Error('the heads are gone')
  const first = await firstToRead(directory, segments, known)
  let size: number | undefined
  // The last record that the head knows must be there, or the log was cut.
  let isMet = known === 0
  for (const segment of segments.slice(first)) {
    const isLast = segment === segments.at(-1)
    const read = await readOn(join(directory, segment.file), state, isLast)
    size = read.good
    isMet ||= read.seqs.first <= known && known <= read.seqs.last
  }
  if (!isMet) throw new Error('records are missing')
  return { state, end: { number: segments.at(-1)?.number ?? 1, size }, headsSize }
}

function stateOf({ chain, size, peaks, last }: LogHead): ChainState {
  return { chain, last, tree: GrowingTree.resume(size, peaks.map(fromBase64url)) }
}

/** The last head, and the size of the file without a torn line at its end. */
async function readHeads(
  directory: string,
  chain: string,
  names: readonly string[],
): Promise<{ head?: LogHead; headsSize: number | undefined }> {
  const file = headsFile(chain)
  if (!names.includes(file)) return { headsSize: undefined }
  let last: string | undefined
  let headsSize = 0
  for await (const { bytes, end, offset } of readChunks(join(directory, file))) {
    headsSize = offset + end
    if (end === 0) continue
    last = bytes.toString('utf8', bytes.lastIndexOf(0x0a, end - 2) + 1, end)
  }
  if (last === undefined) return { headsSize }
  const head = parseHead(last)
  if (head?.chain !== chain) throw new Error('the last head is changed')
  return { head, headsSize }
}

/** Index of the segment that holds the record `seq`, or of the last one. */
async function firstToRead(
  directory: string,
  segments: readonly SegmentName[],
  seq: number,
): Promise<number> {
  for (let at = segments.length - 1; at > 0; at--) {
    const first = await firstSeq(join(directory, segments[at]?.file ?? ''))
    if (first !== undefined && first <= seq) return at
  }
  return 0
}

async function firstSeq(file: string): Promise<number | undefined> {
  for await (const { bytes } of readChunks(file)) {
    const end = bytes.indexOf(0x0a)
    return end < 0 ? undefined : parseLine(bytes, 0, end)?.seq
  }
  return undefined
}

/** What was read of a segment: its good bytes, and the numbers of its records. */
interface ReadSegment {
  readonly good: number
  readonly seqs: { readonly first: number; readonly last: number }
}

/** Takes the records of a segment that the state lacks. */
async function readOn(file: string, state: ChainState, isLast: boolean): Promise<ReadSegment> {
  let good = 0
  const seqs = { first: Number.POSITIVE_INFINITY, last: 0 }
  for await (const { bytes, end, offset } of readChunks(file)) {
    for (let start = 0; start < end; ) {
      const newline = bytes.indexOf(0x0a, start)
      seqs.last = takeLine(bytes, start, newline, state)
      seqs.first = Math.min(seqs.first, seqs.last)
      start = newline + 1
    }
    good = offset + end
    if (end === bytes.length) continue
    if (!isLast) throw new Error('a file in the middle of the chain is torn')
    await putAside(file, bytes.subarray(end), good)
  }
  return { good, seqs }
}

function takeLine(bytes: Buffer, start: number, newline: number, state: ChainState): number {
  const line = parseLine(bytes, start, newline)
  if (line === undefined || !line.isWhole) throw new Error('a record is changed')
  const { tree } = state
  if (line.seq === tree.size && line.hash !== state.last) throw new Error('a record is replaced')
  if (line.seq <= tree.size) return line.seq
  if (line.seq !== tree.size + 1 || line.prev !== state.last) throw new Error('the chain is broken')
  state.last = line.hash
  tree.add(fromBase64url(line.hash))
  return line.seq
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
