import { hash } from 'node:crypto'

/** What is known of a line without reading its event. */
export interface ParsedLine {
  readonly seq: number
  /** The hash that the line states. */
  readonly hash: string
  readonly prev: string
  /** Whether the line has the hash that it states. */
  readonly isWhole: boolean
  /** Where the text of the event is within the bytes now. */
  readonly event: { readonly start: number; readonly end: number }
}

// Names are sorted in canonical form: what follows the event has a fixed width but for the number.
const hashMember = 53
const afterEvent = 113
const tail = /^"hash":"([\w-]{43})","prev":"([\w-]{43})","seq":([1-9]\d{0,14})\}$/
const eventStart = '{"event":'.length

/**
 * Takes a line apart, from `start` up to its newline at `end`, and hashes it. Moves bytes within
 * the line, so that it can be hashed in one piece: parse a line once.
 */
export function parseLine(bytes: Buffer, start: number, end: number): ParsedLine | undefined {
  let digits = end - 1
  while (digits > start && isDigit(bytes[digits - 1])) digits -= 1
  const from = digits - afterEvent + 1
  if (from <= start + eventStart) return undefined
  const match = tail.exec(bytes.toString('latin1', from, end))
  if (match === null) return undefined
  const [, stated = '', prev = '', seq = ''] = match
  bytes.copyWithin(start + hashMember, start, from)
  const digest = hash('sha256', bytes.subarray(start + hashMember, end), 'base64url')
  return {
    seq: Number(seq),
    hash: stated,
    prev,
    isWhole: digest === stated,
    event: { start: start + hashMember + eventStart, end: from + hashMember - 1 },
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
