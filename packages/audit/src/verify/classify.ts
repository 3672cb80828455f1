import type { LogSource } from '../log/log-source.ts'
import type { Finding } from './report.ts'

/** Where the first pass stopped. */
export interface Break {
  readonly chain: string
  /** Index of the line within the chain, from 0. */
  readonly at: number
  /** Number that the record at this place should have. */
  readonly expected: number
}

interface Place {
  readonly file: string
  readonly line: number
  readonly hash: string
  readonly prev: string
}

/** All numbers of a chain in their order, 0 for a line that is not a whole record. */
interface Overview {
  readonly seqs: readonly number[]
  /** The lines around the break, by index. */
  readonly places: ReadonlyMap<number, Place>
  readonly lastFile: string
}

type Verdict = Pick<Finding, 'kind' | 'detail'> & { readonly index?: number; readonly seq: number }

/**
 * Says what happened at the place where a chain breaks. Reads the chain again: a break is named by
 * what is elsewhere.
 */
export async function classify(source: LogSource, found: Break): Promise<Finding> {
  const overview = await survey(source, found)
  const { kind, detail, seq, index = found.at } = judge(overview, found)
  const place = overview.places.get(index)
  return {
    kind,
    chain: found.chain,
    file: place?.file ?? overview.lastFile,
    ...(place !== undefined && { line: place.line }),
    seq,
    detail,
  }
}

async function survey(source: LogSource, { chain, at: around }: Break): Promise<Overview> {
  const seqs: number[] = []
  const places = new Map<number, Place>()
  const { lastFile } = await source.scan(chain, ({ file, line, parsed }) => {
    const index = seqs.length
    const { hash = '', prev = '' } = parsed ?? {}
    if (Math.abs(index - around) <= 1) places.set(index, { file, line, hash, prev })
    seqs.push(parsed?.isWhole === true ? parsed.seq : 0)
  })
  return { seqs, places, lastFile }
}

function judge(overview: Overview, found: Break): Verdict {
  const { seqs } = overview
  const { at, expected } = found
  const seq = seqs[at] ?? 0
  if (seq === 0) return judgeBroken(seqs, found)
  if (seq > expected) return judgeAhead(seqs, found, seq)
  if (seq < expected) return judgeBehind(seqs, found, seq)
  if (seqs.indexOf(expected, at + 1) >= 0) {
    return { kind: 'inserted', seq, detail: 'a record with a number that comes again' }
  }
  return judgeUnlinked(overview, found)
}

function judgeBroken(seqs: readonly number[], { at, expected }: Break): Verdict {
  return seqs[at + 1] === expected
    ? { kind: 'inserted', seq: expected, detail: 'a line that is not a record' }
    : { kind: 'changed', seq: expected, detail: 'the record does not have its hash' }
}

function judgeAhead(seqs: readonly number[], { at, expected }: Break, seq: number): Verdict {
  if (seqs.indexOf(expected, at) < 0) {
    const gone =
      seq === expected + 1
        ? `record ${expected} is not there`
        : `records ${expected} to ${seq - 1} are not there`
    return { kind: 'missing', seq: expected, detail: gone }
  }
  return seqs.indexOf(seq, at + 1) >= 0
    ? { kind: 'inserted', seq: expected, detail: `a copy of record ${seq}` }
    : { kind: 'swapped', seq: expected, detail: `record ${seq} is in its place` }
}

function judgeBehind(seqs: readonly number[], { at, expected }: Break, seq: number): Verdict {
  const next = seqs[at + 1]
  if (next === seq + 1 && next < expected) {
    return { kind: 'replayed', seq: expected, detail: `older records from ${seq} on stand here` }
  }
  if (seqs.indexOf(expected, at) < 0 && at + 1 < seqs.length) {
    return { kind: 'changed', seq: expected, detail: `a copy of record ${seq} is in its place` }
  }
  return seq === expected - 1
    ? { kind: 'duplicated', seq, detail: 'the record is there twice' }
    : { kind: 'inserted', seq: expected, detail: `a copy of record ${seq}` }
}

/** Number and hash are right, yet the record does not follow the one before it. */
function judgeUnlinked({ places }: Overview, { at, expected }: Break): Verdict {
  const here = places.get(at)
  const isLinkedOn = places.get(at + 1)?.prev === here?.hash
  return at > 0 && isLinkedOn
    ? {
        kind: 'changed',
        seq: expected - 1,
        index: at - 1,
        detail: 'the record has its own hash, which the next one does not name',
      }
    : { kind: 'changed', seq: expected, detail: 'the record does not name the one before it' }
}
