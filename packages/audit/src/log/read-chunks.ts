import { type FileHandle, open } from 'node:fs/promises'

/** Whole lines of a file, and what follows its last newline. */
export interface Chunk {
  /** Valid until the next chunk is asked for. */
  readonly bytes: Buffer
  /** Where the lines end within the bytes: just after a newline. */
  readonly end: number
  /** Where the bytes begin within the file. */
  readonly offset: number
}

/** How a file is read. */
export interface ReadOptions {
  /** Bytes to read; what is written behind them meanwhile is left out. Default: the whole file. */
  readonly length?: number
  /** Bytes that are read at once, and so kept in memory. Default: 1048576. */
  readonly chunkBytes?: number
}

// Longer than any line that is written; what has no newline within it is not a line.
const maxLineBytes = 67_108_864

/** A file holds more bytes without a newline than any line has. */
export class LineTooLong extends Error {}

/**
 * Reads a file in chunks of whole lines. The last chunk may end without a newline: then `end` is
 * before the end of its bytes. The file is open only while a chunk is read, so that any number of
 * files can be read side by side.
 *
 * @throws LineTooLong
 */
export async function* readChunks(
  file: string,
  { length = Number.POSITIVE_INFINITY, chunkBytes = 1_048_576 }: ReadOptions = {},
): AsyncGenerator<Chunk, void, undefined> {
  let buffer = Buffer.allocUnsafe(chunkBytes)
  let filled = 0
  let offset = 0
  for (;;) {
    if (filled === buffer.length) buffer = grow(buffer)
    filled += await readAt(file, offset + filled, buffer.subarray(filled), length)
    const bytes = buffer.subarray(0, filled)
    const end = bytes.lastIndexOf(0x0a) + 1
    if (filled < buffer.length) return yield { bytes, end, offset }
    if (end === 0) continue
    yield { bytes: bytes.subarray(0, end), end, offset }
    buffer.copyWithin(0, end, filled)
    filled -= end
    offset += end
  }
}

/** Fills the buffer from a place of the file, up to its end or `length` bytes of it. */
async function readAt(
  file: string,
  position: number,
  buffer: Buffer,
  length: number,
): Promise<number> {
  const wanted = Math.min(buffer.length, length - position)
  if (wanted <= 0) return 0
  const handle = await open(file, 'r')
  try {
    return await fill(handle, buffer.subarray(0, wanted), position)
  } finally {
    await handle.close()
  }
}

async function fill(handle: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let filled = 0
  while (filled < buffer.length) {
    const left = buffer.length - filled
    const { bytesRead } = await handle.read(buffer, filled, left, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

function grow(buffer: Buffer): Buffer<ArrayBuffer> {
  if (buffer.length >= maxLineBytes) throw new LineTooLong()
  const larger = Buffer.allocUnsafe(buffer.length * 4)
  buffer.copy(larger)
  return larger
}

/** One line of a file, without its newline. */
export interface TextLine {
  readonly text: string
  /** Counts from 1. */
  readonly line: number
}

/** Reads the lines of a file; what follows its last newline is left out. */
export async function* readLines(
  file: string,
  options?: ReadOptions,
): AsyncGenerator<TextLine, void, undefined> {
  let line = 0
  for await (const { bytes, end } of readChunks(file, options)) {
    const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1)
    yield* lines.map((text, at) => ({ text, line: line + at + 1 }))
    line += lines.length
  }
}
