import { readChunks } from './read-chunks.ts'

/** One line of a file, without its newline. */
export interface TextLine {
  readonly text: string
  /** Counts from 1. */
  readonly line: number
}

/** Reads the lines of a file; what follows its last newline is left out. */
export async function* readLines(file: string): AsyncGenerator<TextLine, void, undefined> {
  let line = 0
  for await (const { bytes, end } of readChunks(file)) {
    const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1)
    yield* lines.map((text, at) => ({ text, line: line + at + 1 }))
    line += lines.length
  }
}
