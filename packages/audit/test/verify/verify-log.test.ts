import {
  appendFileSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Finding, fileSink, verifyLog } from '@onbehalf/audit'
import { describe, expect, it } from 'vitest'
import { eventOf } from '../support/events.ts'
import { forgeLines } from '../support/forge.ts'
import { linesOf, newDirectory, newSigner, segments, writeLog } from '../support/log.ts'

const signer = newSigner()
const publicKeys = [signer.publicKey]

/** A log of 100 events in files of about ten each. */
async function manySegments(): Promise<{ directory: string; files: string[] }> {
  const directory = newDirectory()
  const sink = fileSink({ directory, signer, maxSegmentBytes: 4_000 })
  for (let number = 0; number < 100; number++) await sink.write(eventOf(number))
  await sink.close()
  const files = segments(directory).map((name) => join(directory, name))
  expect(files.length).toBeGreaterThan(5)
  return { directory, files }
}

async function firstFinding(directory: string): Promise<Finding | undefined> {
  const { ok, chains } = await verifyLog(directory, { publicKeys })
  const finding = chains.flatMap(({ findings }) => findings)[0]
  expect(ok).toBe(finding === undefined)
  return finding
}

function seqOf(line: string): number {
  return (JSON.parse(line) as { seq: number }).seq
}

function linesIn(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1)
}

describe('T7 a log of several files', () => {
  it('T7 names what is missing when a file is gone: the first, one in between, the last', async () => {
    for (const [at, kind] of [
      [0, 'missing'],
      [2, 'missing'],
      [-1, 'truncated'],
    ] as const) {
      const { directory, files } = await manySegments()
      const file = files.at(at) ?? ''
      const seq = seqOf(linesIn(file)[0] ?? '')
      rmSync(file)
      expect(await firstFinding(directory)).toMatchObject({ kind, seq })
    }
  })

  it('T7 names an older file in the place of a newer one', async () => {
    const { directory, files } = await manySegments()
    const seq = seqOf(linesIn(files[3] ?? '')[0] ?? '')
    copyFileSync(files[1] ?? '', files[3] ?? '')
    expect(await firstFinding(directory)).toMatchObject({ kind: 'replayed', seq, line: 1 })
  })

  it('T7 names an older file that is added at the end', async () => {
    const { directory, files } = await manySegments()
    const last = files.at(-1) ?? ''
    const added = last.replace(/-\d{8}\./, `-${String(files.length + 1).padStart(8, '0')}.`)
    copyFileSync(files[1] ?? '', added)
    expect(await firstFinding(directory)).toMatchObject({ kind: 'replayed', seq: 101 })
  })

  it('T7 names files that changed places', async () => {
    const { directory, files } = await manySegments()
    const [, second = '', third = ''] = files
    const seq = seqOf(linesIn(second)[0] ?? '')
    renameSync(second, `${second}.away`)
    renameSync(third, second)
    renameSync(`${second}.away`, third)
    expect(await firstFinding(directory)).toMatchObject({ kind: 'swapped', seq })
  })

  it('T7 names a file in the middle that does not end', async () => {
    const { directory, files } = await manySegments()
    const [, second = ''] = files
    writeFileSync(second, readFileSync(second).subarray(0, -1))
    const lines = linesIn(files[2] ?? '')
    expect(await firstFinding(directory)).toMatchObject({
      kind: 'missing',
      seq: seqOf(lines[0] ?? '') - 1,
    })
  })
})

describe('T7 a log that was written again', () => {
  /** Replaces the log by one of other events, with a right chain of hashes. */
  function forge(directory: string): void {
    const [name = ''] = segments(directory)
    const chain = name.slice(0, 16)
    const forged = forgeLines(chain, linesOf(directory), (text) => text.replaceAll('deny', 'allow'))
    writeFileSync(join(directory, name), forged.join(''))
  }

  it('T7 is found by its signed heads, though its hashes fit', async () => {
    const directory = newDirectory()
    await writeLog(directory, 20, { signer })
    forge(directory)
    expect(await firstFinding(directory)).toMatchObject({
      kind: 'changed',
      seq: 1,
      detail: 'records 1 to 20 are not those that a head was made of',
    })
  })

  it('T7 is found when its heads are gone or changed', async () => {
    const directory = newDirectory()
    await writeLog(directory, 20, { signer })
    const file = join(
      directory,
      readdirSync(directory).find((name) => name.endsWith('.heads.jsonl')) ?? '',
    )
    const heads = readFileSync(file)
    for (let at = 0; at < heads.length; at += 3) {
      const changed = Buffer.from(heads)
      changed[at] = (changed[at] ?? 0) ^ 1
      writeFileSync(file, changed)
      expect((await verifyLog(directory, { publicKeys })).ok).toBe(false)
    }
    rmSync(file)
    expect(await firstFinding(directory)).toMatchObject({
      kind: 'head',
      detail: 'the heads of this chain are gone',
    })
  })
})

describe('verifying', () => {
  it('does not choke on a line without end', async () => {
    const directory = newDirectory()
    await writeLog(directory, 3, { signer })
    const file = join(directory, segments(directory)[0] ?? '')
    for (let count = 0; count < 9; count++) appendFileSync(file, Buffer.alloc(8_388_608, 0x61))
    expect(await firstFinding(directory)).toMatchObject({ kind: 'changed', line: 4 })
  })

  it('may be done while the log is written', { timeout: 60_000 }, async () => {
    const directory = newDirectory()
    const sink = fileSink({ directory, signer, headEveryRecords: 20, maxSegmentBytes: 5_000 })
    let isOver = false
    const writing = (async () => {
      for (let number = 0; number < 100; number++) {
        await Promise.all([sink.write(eventOf(number)), sink.write(eventOf(number))])
      }
      isOver = true
    })()
    await sink.ready()
    while (!isOver) {
      const { chains } = await verifyLog(directory, { publicKeys })
      // What was written since the last head, and nothing else.
      const kinds = chains.flatMap(({ findings }) => findings.map(({ kind }) => kind))
      expect(kinds.filter((kind) => kind !== 'unproven')).toEqual([])
    }
    await writing
    await sink.close()
    expect(linesOf(directory)).toHaveLength(200)
  })

  it.each(['', 'no key at all'])('refuses what is not a public key: %j', async (key) => {
    await expect(verifyLog(newDirectory(), { publicKeys: [key] })).rejects.toBeInstanceOf(Error)
  })
})
