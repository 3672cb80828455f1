import { spawn } from 'node:child_process'
import type { KeyObject } from 'node:crypto'
import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fileSink, type LogHead, verifyLog } from '@onbehalf/audit'
import { describe, expect, it } from 'vitest'
import { fileSinkOn } from '../../src/file/file-sink.ts'
import type { LogFile, OpenFile } from '../../src/file/open-synchronized.ts'
import { eventOf } from '../support/events.ts'
import { linesOf, newDirectory, newSigner, recordsOf, segments, writeLog } from '../support/log.ts'
import { listTrail } from '../support/trail.ts'

interface Writer {
  readonly pid: number
  readonly done: Promise<{ kept: number; refused: number }>
}

/** Starts a process that writes so many events to a directory. */
function startWriter(directory: string, count: number, prefix = ''): Writer {
  const file = fileURLToPath(new URL('../support/writer.ts', import.meta.url))
  const tsx = import.meta.resolve('tsx')
  const command = `${prefix} exec "$0" --import "$1" --conditions=@onbehalf/source "$2" "$3" "$4"`
  const args = ['-c', command, process.execPath, tsx, file, directory, String(count)]
  const child = spawn('bash', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString()
  })
  const done = new Promise<{ kept: number; refused: number }>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => {
      try {
        resolve(JSON.parse(text) as { kept: number; refused: number })
      } catch (cause) {
        reject(new Error(`the writer said: ${text}`, { cause }))
      }
    })
  })
  return { pid: child.pid ?? 0, done }
}

/** Real files on a disk that takes no more than `disk.bytes` in each. */
function filesOn(disk: { bytes: number }): OpenFile {
  return async (path, flags, mode) => {
    const file = await open(path, flags, mode)
    const limited: LogFile = {
      write: async (bytes, offset, length, position) => {
        const room = disk.bytes - position
        if (room <= 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
        return file.write(bytes, offset, Math.min(length, room), position)
      },
      datasync: () => file.datasync(),
      truncate: (length) => file.truncate(length),
      close: () => file.close(),
    }
    return limited
  }
}

describe('T2 a full disk', () => {
  it('T2 rejects what does not fit, keeps what did, and continues when there is room', async () => {
    const directory = newDirectory()
    const disk = { bytes: 2_000 }
    const sink = fileSinkOn({ directory, signer: null }, filesOn(disk))
    let [kept, refused] = [0, 0]
    for (let number = 0; number < 20; number++) {
      await sink.write(eventOf(number)).then(
        () => kept++,
        () => refused++,
      )
      expect(linesOf(directory)).toHaveLength(kept)
    }
    expect(kept).toBeGreaterThan(2)
    expect(refused).toBeGreaterThan(10)
    disk.bytes = 1_000_000
    await sink.write(eventOf(21))
    await sink.close()
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: kept + 1 })
  })

  it.each([
    ['strict', 503, 0],
    ['best-effort', undefined, 1],
  ] as const)('T2 in %s mode answers %j and runs %d handlers', async (mode, status, handlers) => {
    const sink = fileSinkOn({ directory: newDirectory(), signer: null }, filesOn({ bytes: 1 }))
    const { trail } = listTrail({ sink, mode })
    let ran = 0
    const call = async (): Promise<void> => {
      const intent = await trail.intent({ method: 'tools/call' })
      ran += 1
      await intent.result({ outcome: 'ok' })
    }
    const error = await call().catch((thrown: unknown) => thrown)
    expect((error as { status?: number } | undefined)?.status).toBe(status)
    expect(ran).toBe(handlers)
    await trail.close()
  })

  it('T2 survives the limit of the system on the size of files', { timeout: 60_000 }, async () => {
    const directory = newDirectory()
    const { kept, refused } = await startWriter(directory, 2_000, 'ulimit -f 100;').done
    expect(kept).toBeGreaterThan(10)
    expect(refused).toBeGreaterThan(10)
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: kept })
  })

  it('T2 leaves no lock that names nobody when the disk is full at the start', {
    timeout: 60_000,
  }, async () => {
    const directory = newDirectory()
    const full = 'exec 2>/dev/null; ulimit -f 0;'
    await expect(startWriter(directory, 10, full).done).rejects.toThrow('the writer said')
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('T4 a slow disk', () => {
  it('T4 keeps the queue within its bounds, and commits what waits together', async () => {
    const directory = newDirectory()
    let syncs = 0
    const openFile: OpenFile = async (path, flags, mode) => {
      const file = await open(path, flags, mode)
      return {
        write: (bytes, offset, length, position) => file.write(bytes, offset, length, position),
        datasync: async () => {
          syncs += 1
          await new Promise((resolve) => setTimeout(resolve, 500))
          await file.datasync()
        },
        truncate: (length) => file.truncate(length),
        close: () => file.close(),
      }
    }
    const sink = fileSinkOn({ directory, signer: null, maxQueued: 100 }, openFile)
    await sink.ready()
    const before = syncs
    const writes = Array.from({ length: 1_000 }, (_, number) => sink.write(eventOf(number)))
    const settled = await Promise.allSettled(writes)
    const kept = settled.filter(({ status }) => status === 'fulfilled')
    expect(kept).toHaveLength(100)
    // The first head, the name of the segment, its first cut, and one for the batch.
    expect(syncs - before).toBeLessThanOrEqual(4)
    await sink.close()
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: 100 })
  })

  it('bounds what waits by its size too', async () => {
    const sink = fileSink({ directory: newDirectory(), signer: null, maxQueuedBytes: 1_000 })
    const writes = Array.from({ length: 100 }, (_, number) => sink.write(eventOf(number)))
    const settled = await Promise.allSettled(writes)
    expect(settled.filter(({ status }) => status === 'fulfilled').length).toBeLessThan(10)
    await sink.close()
  })
})

describe('T5 stopping', () => {
  it('T5 finishes what was taken, and takes nothing more', async () => {
    const directory = newDirectory()
    const sink = fileSink({ directory, signer: null })
    const writes = Array.from({ length: 500 }, (_, number) => sink.write(eventOf(number)))
    await sink.close()
    await Promise.all(writes)
    await expect(sink.write(eventOf(501))).rejects.toThrow('closed')
    const report = await verifyLog(directory)
    expect(report).toMatchObject({ ok: true, records: 500 })
    expect(report.chains[0]?.covered).toBe(500)
  })

  it('T5 keeps all that a process acknowledged before SIGTERM', { timeout: 60_000 }, async () => {
    const directory = newDirectory()
    const { pid, done } = startWriter(directory, 1_000_000)
    await waitFor(() => existsSync(directory) && segments(directory).length > 0)
    process.kill(pid, 'SIGTERM')
    const { kept, refused } = await done
    expect(refused).toBe(0)
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: kept })
    expect(readdirSync(directory).filter((name) => name.includes('lock'))).toEqual([])
  })
})

describe('T6 several processes', () => {
  it('T6 gives each process its own chain', { timeout: 60_000 }, async () => {
    const directory = newDirectory()
    const writers = Array.from({ length: 4 }, () => startWriter(directory, 300))
    const results = await Promise.all(writers.map(({ done }) => done))
    expect(results).toEqual(Array.from({ length: 4 }, () => ({ kept: 300, refused: 0 })))
    const report = await verifyLog(directory)
    expect(report).toMatchObject({ ok: true, records: 1_200 })
  })

  it('T6 gives two sinks of one process two chains', async () => {
    const directory = newDirectory()
    const sinks = [1, 2].map(() => fileSink({ directory, signer: null }))
    await Promise.all(sinks.map((sink) => sink.write(eventOf(1))))
    await Promise.all(sinks.map((sink) => sink.close()))
    const { ok, chains } = await verifyLog(directory)
    expect(ok).toBe(true)
    expect(chains.map(({ records }) => records)).toEqual([1, 1])
  })
})

describe('T8 starting again', () => {
  it('T8 continues with the chain of a process that has ended', async () => {
    const directory = newDirectory()
    for (let run = 0; run < 3; run++) await writeLog(directory, 10)
    const { ok, chains } = await verifyLog(directory)
    expect(ok).toBe(true)
    expect(chains).toHaveLength(1)
    expect(chains[0]?.records).toBe(30)
  })

  it('T8 begins another chain after a kill between record and head', {
    timeout: 60_000,
  }, async () => {
    const directory = newDirectory()
    const { pid, done } = startWriter(directory, 1_000_000)
    await waitFor(() => existsSync(directory) && linesOfMaybe(directory) > 100)
    process.kill(pid, 'SIGKILL')
    await done.catch(() => undefined)
    const { records: before, chains: found } = await verifyLog(directory)
    expect(found[0]?.covered).toBeLessThan(before)
    await writeLog(directory, 10)
    const { records, chains } = await verifyLog(directory)
    expect(records).toBe(before + 10)
    const after = chains.map(({ findings }) => findings.map(({ kind }) => kind))
    expect(after.toSorted((a, b) => a.length - b.length)).toEqual([[], ['unproven']])
  })

  it.each([
    ['in the same file', 1_000_000],
    ['in another file', 1],
  ])('T8 puts a torn line aside and continues %s', async (_, maxSegmentBytes) => {
    const directory = newDirectory()
    await writeLog(directory, 5)
    const [name = ''] = segments(directory)
    appendFileSync(join(directory, name), '{"event":{"decis')
    expect((await verifyLog(directory)).chains[0]?.findings[0]?.kind).toBe('torn')
    await writeLog(directory, 5, { maxSegmentBytes })
    const report = await verifyLog(directory)
    expect(report).toMatchObject({ ok: true, records: 10 })
    expect(report.chains[0]?.findings).toEqual([])
    expect(readFileSync(join(directory, `${name}.torn`), 'utf8')).toBe('{"event":{"decis\n')
  })

  it('T8 leaves a chain that was cut alone, and begins another one', async () => {
    const directory = newDirectory()
    await writeLog(directory, 5)
    const [name = ''] = segments(directory)
    const lines = linesOf(directory)
    truncateSync(join(directory, name), `${lines.slice(0, 3).join('\n')}\n`.length)
    const told: unknown[] = []
    await writeLog(directory, 5, { onError: (error) => told.push(error) })
    expect(told).toHaveLength(1)
    const { ok, chains } = await verifyLog(directory)
    expect(ok).toBe(false)
    const kinds = chains.map(({ findings }) => findings[0]?.kind ?? 'intact')
    expect(kinds.toSorted((a, b) => a.localeCompare(b))).toEqual(['intact', 'truncated'])
  })
})

describe('T9 rotation', () => {
  it('T9 continues under load with the chain unbroken across files', async () => {
    const directory = newDirectory()
    const sink = fileSink({ directory, signer: null, maxSegmentBytes: 4_000 })
    for (let round = 0; round < 50; round++) {
      await Promise.all(Array.from({ length: 10 }, (_, at) => sink.write(eventOf(at))))
    }
    await sink.close()
    expect(segments(directory).length).toBeGreaterThan(20)
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: 500 })
    await writeLog(directory, 1)
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: 501 })
  })

  it('T9 begins a file when the last one is old enough', async () => {
    const directory = newDirectory()
    const sink = fileSink({ directory, signer: null, maxSegmentSeconds: 0.05 })
    await sink.write(eventOf(1))
    await new Promise((resolve) => setTimeout(resolve, 100))
    await sink.write(eventOf(2))
    await sink.close()
    expect(segments(directory)).toHaveLength(2)
  })
})

describe('T10 a clock that goes back', () => {
  it('T10 changes neither number nor order', async () => {
    const directory = newDirectory()
    let now = 1_800_000_000
    const sink = fileSink({ directory, signer: null })
    const { trail } = listTrail({ sink, clock: () => now })
    for (let count = 0; count < 3; count++) {
      const intent = await trail.intent({ method: `call-${count}` })
      now -= 3_600
      await intent.result({ outcome: 'ok' })
    }
    await trail.close()
    const records = await recordsOf(directory)
    expect(records.map(({ seq, event }) => `${seq} ${event.method}`)).toEqual([
      '1 call-0',
      '2 call-0',
      '3 call-1',
      '4 call-1',
      '5 call-2',
      '6 call-2',
    ])
    for (const { event } of records) expect(event.durationMs ?? 0).toBeGreaterThanOrEqual(0)
    expect((await verifyLog(directory)).ok).toBe(true)
  })
})

describe('heads', () => {
  it('are signed, kept beside the log and handed to the anchor', async () => {
    const directory = newDirectory()
    const signer = newSigner()
    const anchored: LogHead[] = []
    const anchor = async (head: LogHead): Promise<void> => void anchored.push(head)
    await writeLog(directory, 25, { signer, anchor, headEveryRecords: 10 })
    expect(anchored.at(0)?.size).toBe(0)
    expect(anchored.at(-1)?.size).toBe(25)
    const publicKeys = [signer.publicKey]
    const report = await verifyLog(directory, { publicKeys, heads: anchored })
    expect(report).toMatchObject({ ok: true, signaturesChecked: true })
  })

  it.each([
    ['after a while, in a log where nothing happens', 0.02],
    ['when the log is closed', 1_000],
  ] as const)('that the anchor refused are taken there again %s', async (_, headEverySeconds) => {
    const [tried, anchored]: [number[], number[]] = [[], []]
    let isAway = true
    const anchor = async (head: LogHead): Promise<void> => {
      tried.push(head.size)
      if (isAway) throw new Error('503')
      anchored.push(head.size)
    }
    const told: unknown[] = []
    const onError = (error: unknown): void => void told.push(error)
    const options = { anchor, headEverySeconds, headEveryRecords: 1, onError }
    const sink = fileSink({ directory: newDirectory(), signer: newSigner(), ...options })
    await sink.ready()
    await waitFor(() => told.length > 0)
    await sink.write(eventOf(1))
    await waitFor(() => tried.at(-1) === 1)
    isAway = false
    if (headEverySeconds < 1) await waitFor(() => anchored.length > 0)
    await sink.close()
    expect(anchored).toEqual([1])
    expect(told).toContainEqual(new Error('503'))
  })

  it('are taken to the anchor though the signer is away for later ones', async () => {
    const anchored: number[] = []
    const good = newSigner()
    let isAway = true
    let calls = 0
    const sign = (bytes: Uint8Array): Promise<Uint8Array> =>
      calls++ === 0 ? good.sign(bytes) : Promise.reject(new Error('kms is down'))
    const anchor = (head: LogHead): Promise<void> => {
      if (isAway) return Promise.reject(new Error('503'))
      return Promise.resolve(void anchored.push(head.size))
    }
    const sink = fileSink({ directory: newDirectory(), signer: { keyId: 'kms', sign }, anchor })
    await sink.write(eventOf(1))
    await waitFor(() => calls > 0)
    isAway = false
    await sink.close()
    expect(anchored).toEqual([0])
  })

  it('of another key are found', async () => {
    const directory = newDirectory()
    await writeLog(directory, 5, { signer: newSigner() })
    const { ok, chains } = await verifyLog(directory, { publicKeys: [newSigner().publicKey] })
    expect(ok).toBe(false)
    expect(chains[0]?.findings[0]?.kind).toBe('head')
  })

  it('are made by themselves once the signer is back', async () => {
    const directory = newDirectory()
    const good = newSigner()
    let isDown = true
    const sign = (bytes: Uint8Array): Promise<Uint8Array> =>
      isDown ? Promise.reject(new Error('kms is down')) : good.sign(bytes)
    const sink = fileSink({ directory, signer: { keyId: 'kms', sign }, headEverySeconds: 0.05 })
    await sink.write(eventOf(1))
    isDown = false
    await waitFor(() => readdirSync(directory).some((name) => name.endsWith('.heads.jsonl')))
    await expectHead(directory, good.publicKey, 1)
    await sink.write(eventOf(2))
    await expectHead(directory, good.publicKey, 2)
    await sink.close()
  })

  it('that cannot be signed do not stop the log', async () => {
    const directory = newDirectory()
    const told: unknown[] = []
    const signer = { keyId: 'kms', sign: () => Promise.reject(new Error('kms is down')) }
    await writeLog(directory, 5, { signer, onError: (error) => told.push(error) })
    expect(told).toContainEqual(new Error('kms is down'))
    expect(linesOf(directory)).toHaveLength(5)
  })
})

async function expectHead(directory: string, key: KeyObject, size: number): Promise<void> {
  for (;;) {
    const { chains } = await verifyLog(directory, { publicKeys: [key] })
    if (chains[0]?.covered === size) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function linesOfMaybe(directory: string): number {
  return segments(directory).length === 0 ? 0 : linesOf(directory).length
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20))
}
