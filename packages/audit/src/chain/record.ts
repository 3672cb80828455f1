import { hash } from 'node:crypto'
import { canonicalize } from '../canonical/canonicalize.ts'
import { visibleText } from '../canonical/visible-text.ts'
import type { AuditEvent } from '../event.ts'
import { GrowingTree } from '../merkle/tree.ts'

/** What one line of a log holds. */
export interface LogRecord {
  readonly event: AuditEvent
  /** SHA-256 of the canonical form of this object without `hash`, base64url. */
  readonly hash: string
  /** `hash` of the record before it; of the first record, SHA-256 of the chain's name. */
  readonly prev: string
  /** Counts from 1 within the chain. */
  readonly seq: number
}

/** What the first record of a chain has in place of a predecessor's hash. */
export function firstPrev(chain: string): string {
  return hash('sha256', chain, 'base64url')
}

/** The canonical form of an event, without characters that cannot be seen. */
export function eventText(event: AuditEvent): string {
  return canonicalize(event, visibleText)
}

/** The state of a chain: what the next record needs to know. */
export interface ChainState {
  readonly chain: string
  /** Hash of the last record. */
  last: string
  /** Holds the hash of every record; its size is the number of the last one. */
  readonly tree: GrowingTree
}

export function emptyChain(chain: string): ChainState {
  return { chain, last: firstPrev(chain), tree: new GrowingTree() }
}
