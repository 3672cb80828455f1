import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseLine } from '../chain/parse-line.ts'
import { chainsOf, headsFile, type SegmentName, segmentsOf } from '../log/file-names.ts'
import type { LogSource, TornEnd, Visit } from '../log/log-source.ts'
import { LineTooLong, readChunks, readLines, type TextLine } from '../log/read-chunks.ts'

/** The log in the files of a directory. */
export function directorySource(directory: string): LogSource {
  return {
    chains: async () => chainsOf(await readdir(directory)),
    heads: async (chain) => {
      const file = headsFile(chain)
      const names = await readdir(directory)
      if (names.includes(file)) return { file, lines: await linesOfNow(join(directory, file)) }
      return { file, lines: segmentsOf(names, chain).length === 0 ? nothing() : undefined }
    },
    scan: async (chain, visit) => {
      const segments = segmentsOf(await readdir(directory), chain)
      const torn = await scanSegments(directory, segments, visit)
      return { lastFile: segments.at(-1)?.file ?? '', torn }
    },
  }
}

async function* nothing(): AsyncGenerator<TextLine, void, undefined> {}

async function linesOfNow(path: string): Promise<AsyncIterable<TextLine>> {
  const { size } = await stat(path)
  return readLines(path, { length: size })
}

async function scanSegments(
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
    await visitLines(bytes, end, counter, visit)
    counter.isTorn = end < bytes.length
    if (counter.isEnded) return
  }
}

async function visitLines(
  bytes: Buffer,
  end: number,
  counter: Counter,
  visit: Visit,
): Promise<void> {
  for (let start = 0; start < end && !counter.isEnded; ) {
    const newline = bytes.indexOf(0x0a, start)
    counter.line += 1
    const parsed = parseLine(bytes, start, newline)
    const answer = visit({ file: counter.file, line: counter.line, parsed, bytes })
    // Most lines are answered at once, and a million promises take their time.
    counter.isEnded = (answer instanceof Promise ? await answer : answer) === false
    start = newline + 1
  }
}
