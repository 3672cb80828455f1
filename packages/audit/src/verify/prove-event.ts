import { canonicalize } from '../canonical/canonicalize.ts'
import { parseLine } from '../chain/parse-line.ts'
import type { AuditEvent } from '../event.ts'
import { type LogHead, parseHead } from '../heads/head.ts'
import { isSignedBy } from '../heads/signer.ts'
import type { LogSource } from '../log/log-source.ts'
import { parseRecord, readLog, type StoredRecord } from '../log/read-log.ts'
import { InclusionPath, rootFromPath } from '../merkle/inclusion-proof.ts'
import { fromBase64url, toBase64url } from '../merkle/tree.ts'
import { readHeads } from './chain-heads.ts'
import { directorySource } from './directory-source.ts'
import { type PublicKey, toKey } from './verify-log.ts'

/** Shows that one event is in a log, without the rest of the log. */
export interface InclusionProof {
  /** The line of the record, without its newline. */
  readonly record: string
  /** Hashes from the leaf to the root (RFC 9162 section 2.1.3.1), base64url. */
  readonly path: readonly string[]
  readonly head: LogHead
}

/**
 * Makes the proof for an event, against the last head of its chain.
 *
 * @throws RangeError when the log has no such event, or no head covers it yet
 */
export async function proveEvent(directory: string, id: string): Promise<InclusionProof> {
  const stored = await findEvent(directory, id)
  const source = directorySource(directory)
  const { heads } = await readHeads(source, stored.chain, { keys: undefined, external: [] })
  const head = heads.at(-1)?.head
  if (head === undefined || head.size < stored.seq) throw new RangeError('no head covers the event')
  const path = await pathTo(source, stored.seq, head)
  const { event, hash, prev, seq } = stored
  return { record: canonicalize({ event, hash, prev, seq }), path, head }
}

async function findEvent(directory: string, id: string): Promise<StoredRecord> {
  for await (const record of readLog(directory)) if (record.event.id === id) return record
  throw new RangeError('the log has no such event')
}

async function pathTo(
  source: LogSource,
  seq: number,
  { chain, size, root }: LogHead,
): Promise<readonly string[]> {
  const path = new InclusionPath(seq - 1, size)
  let leaf = ''
  let count = 0
  await source.scan(chain, ({ parsed }) => {
    const digest = fromBase64url(parsed?.hash ?? '')
    if (parsed?.seq === seq) leaf = digest
    path.add(digest)
    count += 1
    return count < size
  })
  const hashes = path.finish()
  if (toBase64url(rootFromPath(leaf, seq - 1, size, hashes) ?? '') !== root) {
    throw new RangeError('the log is not the one that the head was made of: verify it')
  }
  return hashes.map(toBase64url)
}

/**
 * Checks a proof and returns its event, or undefined where it proves nothing: the record does not
 * have its hash, the path does not lead to the head, or none of the keys signed the head.
 */
export function checkProof(
  proof: InclusionProof,
  publicKeys: readonly PublicKey[],
): AuditEvent | undefined {
  const keys = publicKeys.map(toKey)
  const head = parseHead(JSON.stringify(proof.head))
  if (head === undefined || !isSignedBy(head, keys)) return undefined
  const bytes = Buffer.from(proof.record, 'utf8')
  const line = parseLine(bytes, 0, bytes.length)
  if (line?.isWhole !== true) return undefined
  const path = proof.path.map(fromBase64url)
  const root = rootFromPath(fromBase64url(line.hash), line.seq - 1, head.size, path)
  if (root === undefined || toBase64url(root) !== head.root) return undefined
  return parseRecord(proof.record)?.event
}
