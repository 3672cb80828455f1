import { hash } from 'node:crypto'

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
