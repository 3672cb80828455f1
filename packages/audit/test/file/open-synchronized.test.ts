import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { fileSink, verifyLog } from '@onbehalf/audit'
import { describe, expect, it } from 'vitest'
import { eventOf } from '../support/events.ts'
import { newDirectory } from '../support/log.ts'

/** How this process opened its files below a directory: the flags of open(2), by proc(5). */
function openFlags(directory: string): readonly number[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      if (!readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${directory}/`)) return []
      const [, flags = ''] =
        /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? []
      return [Number.parseInt(flags, 8)]
    } catch {
      // It was closed meanwhile, as the one that lists them is.
      return []
    }
  })
}

describe.runIf(process.platform === 'linux')('a log on Linux', () => {
  it('is written through to the disk, by the process that begins it and by one that continues it', async () => {
    const directory = newDirectory()
    for (const turn of [1, 2]) {
      const sink = fileSink({ directory, signer: null })
      await sink.write(eventOf(turn))
      const flags = openFlags(directory)
      expect(flags.length).toBeGreaterThanOrEqual(2)
      for (const flag of flags) expect(flag & constants.O_DSYNC).toBe(constants.O_DSYNC)
      await sink.close()
    }
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: 2 })
  })
})
