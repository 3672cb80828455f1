import { canonicalize } from '../canonical/canonicalize.ts'
import { parseLine } from '../chain/parse-line.ts'
import type { AuditEvent } from '../event.ts'
import { type LogHead, parseHead } from '../heads/head.ts'
import { isSignedBy } from '../heads/signer.ts'
import type { LogSource } from '../log/log-source.ts'
import { parseRecord, readLog, type StoredRecord } from '../log/read-log.ts'
import { InclusionPath, rootFromPath } from '../merkle/inclusion-proof.ts'
import { fromBase64url, isDigest, toBase64url } from '../merkle/tree.ts'
import { ChainHeads } from './chain-heads.ts'
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
  const head = await lastHead(source, stored.chain)
  if (head === undefined || head.size < stored.seq) throw new RangeError('no head covers the event')
  const path = await pathTo(source, stored.seq, head)
  const { event, hash, prev, seq } = stored
  return { record: canonicalize({ event, hash, prev, seq }), path, head }
}

async function findEvent(directory: string, id: string): Promise<StoredRecord> {
  for await (const record of readLog(directory)) if (record.event.id === id) return record
  throw new RangeError('the log has no such event')
}

async function lastHead(source: LogSource, chain: string): Promise<LogHead | undefined> {
  const heads = await ChainHeads.open(source, chain, { keys: undefined, external: [] })
  let last: LogHead | undefined
  for (; heads.next !== undefined; await heads.skip()) last = heads.next.head
  return last
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
 * have its hash, the path does not lead to the head, none of the keys signed the head, or it is not a
 * proof at all. What comes from outside may be anything, and never makes it throw.
 *
 * @throws TypeError for a key that is not Ed25519
 */
export function checkProof(
  proof: InclusionProof,
  publicKeys: readonly PublicKey[],
): AuditEvent | undefined {
  const keys = publicKeys.map(toKey)
  const parts = readProof(proof)
  if (parts === undefined || !isSignedBy(parts.head, keys)) return undefined
  const { record, head, path } = parts
  const bytes = Buffer.from(record, 'utf8')
  // A text that UTF-8 cannot write is not the one that was hashed.
  if (bytes.toString('utf8') !== record) return undefined
  const line = parseLine(bytes, 0, bytes.length)
  if (line?.isWhole !== true) return undefined
  const root = rootFromPath(fromBase64url(line.hash), line.seq - 1, head.size, path)
  if (root === undefined || toBase64url(root) !== head.root) return undefined
  return parseRecord(record)?.event
}

/** Reads what is said to be a proof, its path as `latin1`. */
function readProof(
  proof: unknown,
): { record: string; path: readonly string[]; head: LogHead } | undefined {
  try {
    const { record, path, head: given } = JSON.parse(JSON.stringify(proof)) as InclusionProof
    const head = parseHead(JSON.stringify(given))
    if (typeof record !== 'string' || !Array.isArray(path) || head === undefined) return undefined
    return path.every(isDigest) ? { record, path: path.map(fromBase64url), head } : undefined
  } catch {
    return undefined
  }
}
