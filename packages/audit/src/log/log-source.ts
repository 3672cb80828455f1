import { type ParsedLine, parseLine } from '../chain/parse-line.ts'
import type { TextLine } from './read-chunks.ts'

/** A log as verifiers read it, wherever it is kept. */
export interface LogSource {
  /** Names of the chains of which there is a record or a head. */
  chains(): Promise<readonly string[]>
  heads(chain: string): Promise<HeadLines>
  /** Hands every line of a chain to `visit`, from the first on. */
  scan(chain: string, visit: Visit): Promise<ChainEnd>
}

/** The heads of a chain as they were kept. */
export interface HeadLines {
  /** Where they are kept. */
  readonly file: string
  /** Those of now, and none that is added later. Undefined when the place where they are kept is gone. */
  readonly lines: AsyncIterable<TextLine> | undefined
}

/** One line of a chain, on its way through a scan. */
export interface ScannedLine {
  readonly file: string
  /** Counts from 1 within the file. */
  readonly line: number
  /** Undefined where it is not a record at all. */
  readonly parsed: ParsedLine | undefined
  readonly bytes: Buffer
}

/**
 * Takes a line, which is valid until the answer is there; ends the scan by answering false. It may
 * answer later, which costs time: only where it has to read something itself.
 */
export type Visit = (line: ScannedLine) => boolean | void | Promise<boolean>

/** How a scan of a chain ended. */
export interface ChainEnd {
  /** Where the last line of the chain is, or would be. */
  readonly lastFile: string
  /** Files that do not end with a newline, as far as they were read. */
  readonly torn: readonly TornEnd[]
}

/** What a file holds behind its last whole line. */
export interface TornEnd {
  readonly file: string
  readonly line: number
  /** It is the end of the chain, and short enough for an unfinished line. */
  readonly isLast: boolean
}

/** Hands lines that come one by one, without their newlines, to `visit`. */
export async function scanTexts(
  file: string,
  texts: AsyncIterable<string>,
  visit: Visit,
): Promise<ChainEnd> {
  let line = 0
  for await (const text of texts) {
    const bytes = Buffer.from(text, 'utf8')
    line += 1
    const parsed = parseLine(bytes, 0, bytes.length)
    if ((await visit({ file, line, parsed, bytes })) === false) break
  }
  return { lastFile: file, torn: [] }
}
