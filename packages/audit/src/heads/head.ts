import { isRecord } from '@onbehalf/core/internal'
import { canonicalize } from '../canonical/canonicalize.ts'
import { fromBase64url, isDigest, rootOf, toBase64url } from '../merkle/tree.ts'

/**
 * What a chain held at one moment: a promise about every record up to `size`. A party that keeps a head
 * elsewhere can tell later whether records before it were changed or taken away.
 */
export interface LogHead {
  readonly chain: string
  /** Number of records. */
  readonly size: number
  /** Root of the Merkle tree over the hashes of all records (RFC 9162 section 2.1), base64url. */
  readonly root: string
  /** Roots of its complete subtrees, largest first: from them the tree grows on. */
  readonly peaks: readonly string[]
  /** Hash of the last record. */
  readonly last: string
  /** ISO 8601, UTC. By the clock of the writer: not proof of time. */
  readonly time: string
  /** Which key signed; absent without signature. */
  readonly keyId?: string
  /** Ed25519 over `signedBytes`, base64url. */
  readonly signature?: string
}

/** The bytes that a signature covers; the first line keeps them apart from all else that is signed. */
export function signedBytes(head: LogHead): Uint8Array {
  const { signature: _, ...signed } = head
  return Buffer.from(`onbehalf audit head v1\n${canonicalize(signed)}`, 'utf8')
}

/** A head as it is kept: {@link parseHead} reads it. */
export function headText(head: LogHead): string {
  return canonicalize(head)
}

/**
 * Reads a head, and makes sure that its root follows from its subtrees. Does not check the
 * signature.
 */
export function parseHead(text: string): LogHead | undefined {
  let head: LogHead
  try {
    head = JSON.parse(text) as LogHead
  } catch {
    return undefined
  }
  return isHead(head) && toBase64url(rootOf(head.peaks.map(fromBase64url))) === head.root
    ? head
    : undefined
}

function isHead(head: LogHead): boolean {
  return (
    isRecord(head) &&
    typeof head.chain === 'string' &&
    Number.isSafeInteger(head.size) &&
    head.size >= 0 &&
    Array.isArray(head.peaks) &&
    head.peaks.length === bitsOf(head.size) &&
    [head.root, head.last, ...head.peaks].every(isDigest) &&
    typeof head.time === 'string'
  )
}

function bitsOf(size: number): number {
  return size.toString(2).replaceAll('0', '').length
}
