import { open } from 'node:fs/promises'
import type { LogFile, OpenFile } from '../../src/file/open-synchronized.ts'

/** What a disk can be asked. */
export type DiskWork = 'open' | 'list' | 'take' | 'write' | 'sync' | 'cut'

/** Real files on a disk that refuses some of its work. */
export class FaultyDisk {
  /** What fails now. */
  readonly failing = new Set<DiskWork>()
  /** What was done, with the name of the file. */
  readonly done: string[] = []

  readonly openFile: OpenFile = async (path, flags, mode) => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const ask = (work: DiskWork): void => {
      if (this.failing.has(work)) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
      this.done.push(`${work} ${name}`)
    }
    ask('open')
    const file = await open(path, flags, mode)
    return this.#watch(file, flags === 'r' ? 'list' : 'sync', ask)
  }

  #watch(file: LogFile, sync: DiskWork, ask: (work: DiskWork) => void): LogFile {
    return {
      write: async (bytes, offset, length, position) => {
        if (this.failing.has('take')) return { bytesWritten: 0 }
        // A disk that fails to write may have written half of it.
        const isBroken = this.failing.has('write')
        const most = isBroken ? Math.ceil(length / 2) : length
        const written = await file.write(bytes, offset, most, position)
        ask('write')
        return written
      },
      datasync: async () => {
        ask(sync)
        await file.datasync()
      },
      truncate: async (length) => {
        ask('cut')
        await file.truncate(length)
      },
      close: () => file.close(),
    }
  }
}
