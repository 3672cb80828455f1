import { join } from 'node:path'
import type { SegmentName } from '../log/file-names.ts'
import { type ParsedLine, parseLine } from '../log/parse-line.ts'
import { LineTooLong, readChunks } from '../log/read-chunks.ts'

/** One line of a chain, on its way through a scan. */
export interface ScannedLine {
  readonly file: string
  /** Counts from 1 within the file. */
  readonly line: number
  /** Undefined where it is no record at all. */
  readonly parsed: ParsedLine | undefined
  readonly bytes: Buffer
}

/** Takes a line; ends the scan by returning false. */
type Visit = (line: ScannedLine) => boolean | void

/** What a file holds behind its last whole line. */
export interface TornEnd {
  readonly file: string
  readonly line: number
  /** It is the end of the chain, and short enough for an unfinished line. */
  readonly isLast: boolean
}

/**
 * Hands every line of a chain to `visit`, which ends the scan by returning false. The line is valid
 * during the call only.
 *
 * @returns files that do not end with a newline, as far as they were read
 */
export async function scanChain(
  directory: string,
  segments: readonly SegmentName[],
  visit: Visit,
): Promise<readonly TornEnd[]> {
  const torn: TornEnd[] = []
  for (const { file } of segments) {
    const counter: Counter = { file, line: 0, isEnded: false, isTorn: false }
    const isOverlong = await scanFile(join(directory, file), counter, visit)
    if (counter.isEnded) break
    if (!counter.isTorn && !isOverlong) continue
    const isLast = !isOverlong && file === segments.at(-1)?.file
    torn.push({ file, line: counter.line + 1, isLast })
  }
  return torn
}

interface Counter {
  readonly file: string
  line: number
  isEnded: boolean
  isTorn: boolean
}

/** Returns whether the file holds what is too long for a line; the rest of it is not read then. */
function scanFile(path: string, counter: Counter, visit: Visit): Promise<boolean> {
  return visitFile(path, counter, visit).then(
    () => false,
    (error: unknown) => {
      if (error instanceof LineTooLong) return true
      throw error
    },
  )
}

async function visitFile(path: string, counter: Counter, visit: Visit): Promise<void> {
  for await (const { bytes, end } of readChunks(path)) {
    visitLines(bytes, end, counter, visit)
    counter.isTorn = end < bytes.length
    if (counter.isEnded) return
  }
}

function visitLines(bytes: Buffer, end: number, counter: Counter, visit: Visit): void {
  for (let start = 0; start < end && !counter.isEnded; ) {
    const newline = bytes.indexOf(0x0a, start)
    counter.line += 1
    const parsed = parseLine(bytes, start, newline)
    counter.isEnded = visit({ file: counter.file, line: counter.line, parsed, bytes }) === false
    start = newline + 1
  }
}
