import { hash } from 'node:crypto'
import { fromBase64url } from '../merkle/tree.ts'
import type { ChainState } from './record.ts'

const firstSize = 16_384

/**
 * Texts of events that are committed together, as bytes one after the other: what waits for the
 * disk costs the garbage collector nothing.
 */
export class EventBatch {
  /** When its first event arrived, in milliseconds of a clock that never goes back. */
  readonly begun: number = performance.now()
  /** Ends of the texts within {@link bytes}. */
  readonly ends: number[] = []
  /** Settles with the commit; shared by all who wait for it. */
  readonly committed: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  #bytes = Buffer.allocUnsafe(firstSize)
  #length = 0

  constructor() {
    let settle: { resolve: () => void; reject: (error: unknown) => void } | undefined
    this.committed = new Promise((resolve, reject) => {
      settle = { resolve, reject }
    })
    this.resolve = () => settle?.resolve()
    this.reject = (error) => settle?.reject(error)
  }

  get count(): number {
    return this.ends.length
  }

  get length(): number {
    return this.#length
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  add(text: string): void {
    // No UTF-16 code unit takes more than three bytes of UTF-8.
    const most = this.#length + text.length * 3
    if (most > this.#bytes.length) this.#grow(most)
    this.#length += this.#bytes.write(text, this.#length, 'utf8')
    this.ends.push(this.#length)
  }

  #grow(least: number): void {
    const larger = Buffer.allocUnsafe(Math.max(least, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

const eventMember = '{"event":'
const hashMember = 53
// Around an event of a record whose number has 15 digits.
const mostAround = 200

/** Builds the lines of a batch in one buffer, which is used again for the next. */
export class LineBuffer {
  #bytes: Buffer = Buffer.allocUnsafe(65_536)
  #length = 0

  /** The lines so far. Valid until the buffer is cleared. */
  get lines(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Starts again, with room for so many events of so many bytes together. */
  clear(count: number, eventBytes: number): void {
    const needed = eventBytes + count * mostAround
    if (this.#bytes.length < needed) this.#bytes = Buffer.allocUnsafe(needed)
    this.#length = 0
  }

  /**
   * Adds the line of an event in canonical form, and returns its hash. The text that is hashed is
   * built first, room for the hash in front of it; then the event moves to make room behind itself.
   */
  add(event: Uint8Array, prev: string, seq: number): string {
    const bytes = this.#bytes
    const start = this.#length
    let at = start + hashMember
    at += bytes.write(eventMember, at, 'latin1')
    bytes.set(event, at)
    const comma = at + event.length
    at = comma + bytes.write(`,"prev":"${prev}","seq":${seq}}\n`, comma, 'latin1')
    const digest = hash('sha256', bytes.subarray(start + hashMember, at - 1), 'base64url')
    bytes.copyWithin(start, start + hashMember, comma + 1)
    bytes.write(`"hash":"${digest}",`, comma + 1 - hashMember, 'latin1')
    this.#length = at
    return digest
  }
}

/** Records that continue a chain, and what the chain will be when they are kept. */
export interface LinkedRecords {
  /** One line a record. Valid until the buffer is used again. */
  readonly lines: Buffer
  /** Hashes of the records, in their order. */
  readonly hashes: readonly string[]
}

/** Makes the records of a batch, to stand after the last one of the chain. */
export function linkBatch(
  { last, tree }: ChainState,
  { bytes, ends, length }: EventBatch,
  buffer: LineBuffer,
): LinkedRecords {
  const hashes: string[] = []
  let prev = last
  let start = 0
  buffer.clear(ends.length, length)
  for (const end of ends) {
    prev = buffer.add(bytes.subarray(start, end), prev, tree.size + hashes.length + 1)
    hashes.push(prev)
    start = end
  }
  return { lines: buffer.lines, hashes }
}

/** Moves the end of a chain behind records that are kept now: those with these hashes. */
export function advance(state: ChainState, hashes: readonly string[]): void {
  state.last = hashes.at(-1) ?? state.last
  for (const digest of hashes) state.tree.add(fromBase64url(digest))
}
