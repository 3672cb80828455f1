import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** What a segment needs of an open file. */
export interface LogFile {
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>
  datasync(): Promise<void>
  /** A write is on the disk when it resolves: nothing has to follow it. */
  readonly syncsWrites?: true
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

/** Opens a file for making it or for writing on in it, or a directory to synchronize its names. */
export type OpenFile = (path: string, flags: 'wx' | 'r+' | 'r', mode: number) => Promise<LogFile>

const { O_CREAT, O_DSYNC, O_EXCL, O_RDWR, O_WRONLY } = constants
const access = { wx: O_WRONLY | O_CREAT | O_EXCL, 'r+': O_RDWR } as const

/**
 * Opens a file whose writes are on the disk when they resolve, as if `fdatasync` followed each
 * (`O_DSYNC` of open(2)): one way to the pool of threads instead of two. Elsewhere than on Linux the
 * flag is missing or promises less, and `datasync` follows.
 */
export const openSynchronized: OpenFile = async (path, flags, mode) => {
  if (process.platform !== 'linux' || flags === 'r') return open(path, flags, mode)
  const file = await open(path, access[flags] | O_DSYNC, mode)
  return Object.assign(file, { syncsWrites: true as const })
}
