import { appendFileSync, chmodSync, mkdirSync, readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { fileSink, verifyLog } from '@onbehalf/audit'
import { describe, expect, it } from 'vitest'
import { fileSinkOn } from '../../src/file/file-sink.ts'
import { eventOf } from '../support/events.ts'
import { type DiskWork, FaultyDisk } from '../support/faulty-disk.ts'
import { newDirectory, recordsOf, segments, writeLog } from '../support/log.ts'

/** Numbers of the events that are in a log. */
async function numbersIn(directory: string): Promise<readonly string[]> {
  return (await recordsOf(directory)).map(({ event }) => event.target?.name.slice(5) ?? '')
}

describe('T2 a disk that fails', () => {
  it.each<[string, readonly DiskWork[]]>([
    ['to write', ['write']],
    ['to synchronize', ['sync']],
    ['to write, and then to cut off half a line', ['write', 'cut']],
    ['to synchronize, and then to cut off what was refused', ['sync', 'cut']],
    ['in everything', ['open', 'list', 'write', 'sync', 'cut']],
  ])('T2 %s refuses the call, and has nothing of it when it works again', async (_, works) => {
    // One line a file: every event begins another one, also the one after the failure.
    for (const maxSegmentBytes of [1, 1_000_000]) {
      const directory = newDirectory()
      const disk = new FaultyDisk()
      const sink = fileSinkOn({ directory, signer: null, maxSegmentBytes }, disk.openFile)
      await sink.write(eventOf(1))
      for (const work of works) disk.failing.add(work)
      await expect(sink.write(eventOf(2))).rejects.toThrow('EIO')
      await expect(sink.write(eventOf(3))).rejects.toThrow('EIO')
      disk.failing.clear()
      await sink.write(eventOf(4))
      await sink.close()
      expect(await numbersIn(directory)).toEqual(['1', '4'])
      expect(await verifyLog(directory)).toMatchObject({ ok: true, records: 2 })
      await writeLog(directory, 1)
      expect((await verifyLog(directory)).chains).toMatchObject([{ records: 3, findings: [] }])
    }
  })

  it('T2 refuses what the disk takes no byte of, and cuts off at once what it took a part of', async () => {
    const directory = newDirectory()
    const disk = new FaultyDisk()
    const sink = fileSinkOn({ directory, signer: null }, disk.openFile)
    await sink.write(eventOf(1))
    const file = join(directory, segments(directory)[0] ?? '')
    const { size } = statSync(file)
    for (const [work, reason] of [
      ['take', 'takes no more bytes'],
      ['write', 'EIO'],
    ] as const) {
      disk.failing.add(work)
      await expect(sink.write(eventOf(2))).rejects.toThrow(reason)
      expect(statSync(file).size).toBe(size)
      disk.failing.clear()
    }
    await sink.close()
  })

  it('T2 does not begin another file before what was refused is cut off', async () => {
    const directory = newDirectory()
    const disk = new FaultyDisk()
    const sink = fileSinkOn({ directory, signer: null, maxSegmentBytes: 700 }, disk.openFile)
    await sink.write(eventOf(1))
    disk.failing.add('sync').add('cut')
    await expect(sink.write(eventOf(2))).rejects.toThrow('EIO')
    disk.failing.delete('sync')
    await expect(sink.write(eventOf(3))).rejects.toThrow('EIO')
    expect(segments(directory)).toHaveLength(1)
    disk.failing.clear()
    await sink.write(eventOf(4))
    await sink.write(eventOf(5))
    await sink.close()
    expect(segments(directory).length).toBeGreaterThan(1)
    expect(await numbersIn(directory)).toEqual(['1', '4', '5'])
    expect((await verifyLog(directory)).ok).toBe(true)
  })

  it('T2 cuts off what was refused when it closes, if nothing came after it', async () => {
    const directory = newDirectory()
    const disk = new FaultyDisk()
    const sink = fileSinkOn({ directory, signer: null }, disk.openFile)
    await sink.write(eventOf(1))
    disk.failing.add('sync').add('cut')
    await expect(sink.write(eventOf(2))).rejects.toThrow('EIO')
    disk.failing.clear()
    await sink.close()
    expect(await numbersIn(directory)).toEqual(['1'])
  })

  it('T2 that fails until the end leaves a log whose next writer begins another chain', async () => {
    const directory = newDirectory()
    const disk = new FaultyDisk()
    const told: unknown[] = []
    const onError = (error: unknown): void => void told.push(error)
    const sink = fileSinkOn({ directory, signer: null, onError }, disk.openFile)
    await sink.write(eventOf(1))
    disk.failing.add('sync').add('cut')
    await expect(sink.write(eventOf(2))).rejects.toThrow('EIO')
    await sink.close()
    expect(told.length).toBeGreaterThan(0)
    expect(readdirSync(directory).filter((name) => name.includes('.lock.'))).toEqual([])
    await writeLog(directory, 1)
    expect(await verifyLog(directory)).toMatchObject({ verdict: 'unproven', records: 3 })
  })
})

describe('a new file of a log', () => {
  it('is listed in its directory before anything in it is acknowledged', async () => {
    const directory = newDirectory()
    const disk = new FaultyDisk()
    const name = directory.slice(directory.lastIndexOf('/') + 1)
    const sink = fileSinkOn({ directory, signer: null, maxSegmentBytes: 1 }, disk.openFile)
    for (const number of [1, 2]) {
      disk.done.length = 0
      await sink.write(eventOf(number))
      const file = segments(directory)[number - 1]
      const steps = [`open ${file}`, `list ${name}`, `write ${file}`]
      const order = disk.done.filter((step) => steps.includes(step))
      expect(order.slice(-3)).toEqual(steps)
    }
    await sink.close()
  })

  it('is listed before it is used, also if that failed at first', async () => {
    const directory = newDirectory()
    const disk = new FaultyDisk()
    const sink = fileSinkOn({ directory, signer: null }, disk.openFile)
    await sink.ready()
    disk.failing.add('list')
    await expect(sink.write(eventOf(1))).rejects.toThrow('EIO')
    disk.failing.clear()
    disk.done.length = 0
    await sink.write(eventOf(2))
    expect(disk.done.filter((step) => step.startsWith('list '))).toHaveLength(1)
    await sink.close()
  })

  it('is readable for its owner alone', async () => {
    const directory = join(newDirectory(), 'log')
    const kinds = new Set<string>()
    const check = (): void => {
      for (const name of readdirSync(directory)) {
        expect([name, statSync(join(directory, name)).mode & 0o777]).toEqual([name, 0o600])
        kinds.add(name.replace(/\w{16}/, '').replaceAll(/\d+/g, ''))
      }
    }
    await writeLog(directory, 1)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    appendFileSync(join(directory, segments(directory)[0] ?? ''), 'torn')
    const sink = fileSink({ directory, signer: null })
    await sink.write(eventOf(1))
    check()
    await sink.close()
    for (const name of readdirSync(directory)) {
      if (name.endsWith('.heads.jsonl')) truncateSync(join(directory, name))
    }
    await writeLog(directory, 1)
    check()
    const all = ['-.jsonl', '-.jsonl.torn', '.ended', '.heads.jsonl', '.lock.']
    expect([...kinds].toSorted()).toEqual(all)
  })
})

describe('T2 a start', () => {
  it('T2 on a disk that takes no new file leaves nothing behind, and succeeds later', async () => {
    const directory = newDirectory()
    const disk = new FaultyDisk()
    const sink = fileSinkOn({ directory, signer: null }, disk.openFile)
    for (const works of [['open'], ['list'], ['cut'], ['sync']] as const) {
      for (const work of works) disk.failing.add(work)
      await expect(sink.write(eventOf(1))).rejects.toThrow('EIO')
      expect(readdirSync(directory)).toEqual([])
      disk.failing.clear()
    }
    await sink.write(eventOf(2))
    await sink.close()
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: 1 })
    expect((await verifyLog(directory)).chains).toHaveLength(1)
  })

  // A superuser may write anywhere.
  it.skipIf(process.getuid?.() === 0)('T2 in a directory that it may not write', async () => {
    const directory = join(newDirectory(), 'log')
    mkdirSync(directory, { mode: 0o500 })
    const sink = fileSink({ directory, signer: null })
    await expect(sink.write(eventOf(1))).rejects.toMatchObject({ code: 'EACCES' })
    chmodSync(directory, 0o700)
    await sink.write(eventOf(2))
    await sink.close()
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: 1 })
  })
})
