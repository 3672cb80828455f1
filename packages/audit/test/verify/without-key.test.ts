import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type FindingKind,
  fileSink,
  type LogHead,
  type LogReport,
  type Verdict,
  verifyLog,
} from '@onbehalf/audit'
import { describe, expect, it } from 'vitest'
import { eventOf } from '../support/events.ts'
import { forgeLines } from '../support/forge.ts'
import { linesOf, newDirectory, newSigner, segments, writeLog } from '../support/log.ts'

const signer = newSigner()
const publicKeys = [signer.publicKey]

/** A signed log of 20 events with heads of 0, 8, 16 and 20 records, and what an attacker may change. */
async function signedLog() {
  const directory = newDirectory()
  const sink = fileSink({ directory, signer, headEveryRecords: 8 })
  await sink.ready()
  for (let number = 0; number < 20; number++) {
    await sink.write(eventOf(number))
    // Until the head of the eighth is kept, it would cover the ninth as well.
    if (number % 8 === 7) await untilHeadOf(directory, number + 1)
  }
  await sink.close()
  const [name = ''] = segments(directory)
  const chain = name.slice(0, 16)
  const [segment, headsPath] = [join(directory, name), join(directory, `${chain}.heads.jsonl`)]
  const heads = readFileSync(headsPath, 'utf8').split('\n').slice(0, -1)
  const put = (file: string, lines: readonly string[]): void =>
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  return {
    directory,
    chain,
    segment,
    headsPath,
    heads,
    lines: linesOf(directory),
    putHeads: (lines: readonly string[]) => put(headsPath, lines),
    putLines: (lines: readonly string[]) => put(segment, lines),
  }
}

async function untilHeadOf(directory: string, size: number): Promise<void> {
  for (;;) {
    const [file = ''] = readdirSync(directory).filter((name) => name.endsWith('.heads.jsonl'))
    if (readFileSync(join(directory, file), 'utf8').includes(`"size":${size},`)) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

type Log = Awaited<ReturnType<typeof signedLog>>

function forged({ chain, lines }: Log): readonly string[] {
  const edited = forgeLines(chain, lines, (event) => event.replaceAll('tool-', 'evil-'))
  return edited.map((line) => line.slice(0, -1))
}

function unsigned(head: string): string {
  const { keyId: _, signature: __, ...rest } = JSON.parse(head) as LogHead
  return JSON.stringify(rest)
}

function kindsOf({ chains }: LogReport): readonly FindingKind[] {
  return chains.flatMap(({ findings }) => findings.map(({ kind }) => kind))
}

describe('T7 a log that someone changed who has no key', () => {
  it.each<[string, (log: Log) => void, Verdict, FindingKind]>([
    ['loses its heads', ({ headsPath }) => rmSync(headsPath), 'broken', 'head'],
    ['has its heads emptied', ({ putHeads }) => putHeads([]), 'unproven', 'unproven'],
    [
      'has its heads rolled back',
      ({ putHeads, heads }) => putHeads(heads.slice(0, 2)),
      'unproven',
      'unproven',
    ],
    [
      'has its heads put in another order',
      ({ putHeads, heads }) => putHeads(heads.toReversed()),
      'broken',
      'head',
    ],
    [
      'has an older head behind the last one',
      ({ putHeads, heads }) => putHeads([...heads, heads[1] ?? '']),
      'broken',
      'head',
    ],
    [
      'has heads without signatures',
      ({ putHeads, heads }) => putHeads(heads.map(unsigned)),
      'unproven',
      'unproven',
    ],
    [
      'has a head whose signature is missing',
      ({ putHeads, heads }) =>
        putHeads(heads.map((head) => head.replace(/,"signature":"[^"]+"/, ''))),
      'broken',
      'head',
    ],
    [
      'has a head of another chain',
      ({ putHeads, heads, chain }) =>
        putHeads([...heads, (heads.at(-1) ?? '').replace(chain, '0123456789abcdef')]),
      'broken',
      'head',
    ],
    [
      'has a head that nobody can write in canonical form',
      ({ putHeads, heads }) =>
        putHeads([...heads, (heads.at(-1) ?? '').replace('{', '{"a":"\\ud800",')]),
      'broken',
      'head',
    ],
    [
      'has heads without end',
      ({ headsPath }) => writeFileSync(headsPath, Buffer.alloc(68_000_000, 0x61), { flag: 'a' }),
      'broken',
      'head',
    ],
    [
      'has no heads, and is written again',
      (log) => {
        log.putHeads([])
        log.putLines(forged(log))
      },
      'unproven',
      'unproven',
    ],
    [
      'keeps its first head, and is written again',
      (log) => {
        log.putHeads(log.heads.slice(0, 1))
        log.putLines(forged(log))
      },
      'unproven',
      'unproven',
    ],
    [
      'keeps its heads, and is written again',
      (log) => log.putLines(forged(log)),
      'broken',
      'changed',
    ],
    [
      'is written again behind the head that it keeps',
      (log) => {
        log.putHeads(log.heads.slice(0, 2))
        const lines = [...log.lines.slice(0, 8), ...log.lines.slice(8).map((line) => line)]
        const more = forgeLines(log.chain, lines, (event) => event.replace('tool-1', 'evil-1'))
        log.putLines([...log.lines.slice(0, 8), ...more.slice(8).map((line) => line.slice(0, -1))])
      },
      'broken',
      'changed',
    ],
    [
      'has no heads, and a record that does not follow the one before it',
      (log) => {
        log.putHeads([])
        log.putLines([...log.lines.slice(0, 19), ...forged(log).slice(19)])
      },
      'broken',
      'changed',
    ],
    [
      'has no heads, and a first record of another chain',
      (log) => {
        log.putHeads([])
        const other = forgeLines('0123456789abcdef', log.lines, (event) => event)
        log.putLines(other.map((line) => line.slice(0, -1)))
      },
      'broken',
      'changed',
    ],
    [
      'has no heads, and numbers that do not begin with 1',
      (log) => {
        log.putHeads([])
        const lines = forgeLines(log.chain, log.lines, (event) => event, 2)
        log.putLines(lines.map((line) => line.slice(0, -1)))
      },
      'broken',
      'missing',
    ],
    [
      'is emptied, heads and all',
      ({ putHeads, putLines }) => {
        putHeads([])
        putLines([])
      },
      'unproven',
      'unproven',
    ],
    ['is emptied', ({ putLines }) => putLines([]), 'broken', 'truncated'],
    ['loses its end', ({ putLines, lines }) => putLines(lines.slice(0, 16)), 'broken', 'truncated'],
  ])('T7 is found, or not proven, when it %s', async (_, attack, verdict, kind) => {
    const log = await signedLog()
    attack(log)
    const report = await verifyLog(log.directory, { publicKeys })
    expect(report).toMatchObject({ verdict, ok: false })
    expect(kindsOf(report)).toContain(kind)
  })

  it('T7 has heads of its own alone, also if the same key signed one of another chain', async () => {
    const [log, other] = [await signedLog(), await signedLog()]
    log.putHeads([...log.heads, other.heads.at(-1) ?? ''])
    const { chains } = await verifyLog(log.directory, { publicKeys })
    expect(chains[0]?.findings).toMatchObject([
      { kind: 'head', line: log.heads.length + 1, detail: 'the line is not a head of this chain' },
    ])
  })

  it('T7 names the first record that no head covers', async () => {
    const log = await signedLog()
    log.putHeads(log.heads.slice(0, 2))
    const { chains } = await verifyLog(log.directory, { publicKeys })
    expect(chains[0]).toMatchObject({
      records: 20,
      covered: 8,
      findings: [{ kind: 'unproven', seq: 9, line: 9, detail: 'no head covers records 9 to 20' }],
    })
  })

  it('T7 is not the one that a head kept elsewhere knows, however it is put back', async () => {
    const log = await signedLog()
    const heads = [JSON.parse(log.heads.at(-1) ?? '') as LogHead]
    const intact = await verifyLog(log.directory, { publicKeys, heads })
    expect(intact).toMatchObject({ verdict: 'intact', chains: [{ anchored: 20 }] })
    log.putHeads(log.heads.slice(0, 3))
    log.putLines(log.lines.slice(0, 16))
    // Nothing in the directory tells it from the log of a moment ago.
    expect((await verifyLog(log.directory, { publicKeys })).verdict).toBe('signed')
    const found = await verifyLog(log.directory, { publicKeys, heads })
    expect(found.verdict).toBe('broken')
    expect(kindsOf(found)).toEqual(['replayed'])
    log.putLines(forged(log))
    log.putHeads(log.heads.slice(0, 1))
    expect(kindsOf(await verifyLog(log.directory, { publicKeys, heads }))).toEqual(['changed'])
    for (const name of readdirSync(log.directory)) rmSync(join(log.directory, name))
    expect(kindsOf(await verifyLog(log.directory, { publicKeys, heads }))).toContain('replayed')
  })
})

describe('what is proven of a log', () => {
  it('is nothing where there is no log', async () => {
    const report = await verifyLog(newDirectory(), { publicKeys })
    expect(report).toMatchObject({ verdict: 'unproven', ok: false, records: 0 })
  })

  it('is nothing without keys, unless a head kept elsewhere says it', async () => {
    const log = await signedLog()
    expect((await verifyLog(log.directory)).verdict).toBe('unproven')
    const heads = [JSON.parse(log.heads.at(-1) ?? '') as LogHead]
    expect((await verifyLog(log.directory, { heads })).verdict).toBe('intact')
  })

  it('is only what every chain proves', async () => {
    const log = await signedLog()
    const heads = [JSON.parse(log.heads.at(-1) ?? '') as LogHead]
    const other = fileSink({ directory: log.directory, signer })
    const third = fileSink({ directory: log.directory, signer })
    for (const sink of [other, third]) await sink.write(eventOf(1))
    for (const sink of [other, third]) await sink.close()
    expect((await verifyLog(log.directory, { publicKeys, heads })).verdict).toBe('signed')
    await writeLog(log.directory, 1, { signer: null })
    expect((await verifyLog(log.directory, { publicKeys, heads })).verdict).toBe('unproven')
  })

  it('is what heads elsewhere cover, in whatever order they are given', async () => {
    const log = await signedLog()
    const heads = log.heads.map((head) => JSON.parse(head) as LogHead).toReversed()
    const report = await verifyLog(log.directory, { publicKeys, heads })
    expect(report).toMatchObject({ verdict: 'intact', chains: [{ anchored: 20, findings: [] }] })
  })

  it('is nothing by a head elsewhere that no key signed which was given', async () => {
    const log = await signedLog()
    const head = JSON.parse(log.heads.at(-1) ?? '') as LogHead
    const { keyId: _, signature: __, ...bare } = head
    const { publicKey } = newSigner()
    for (const [keys, given] of [
      [publicKeys, bare],
      [[publicKey], head],
    ] as const) {
      const report = await verifyLog(log.directory, { publicKeys: keys, heads: [given] })
      expect(report.verdict).not.toBe('intact')
      expect(report.chains[0]?.anchored).toBeUndefined()
    }
  })

  it('is what a head elsewhere covers, and no more', async () => {
    const log = await signedLog()
    const heads = [JSON.parse(log.heads[1] ?? '') as LogHead]
    const report = await verifyLog(log.directory, { publicKeys, heads })
    expect(report).toMatchObject({ verdict: 'signed', chains: [{ anchored: 8, covered: 20 }] })
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['text', 'head'],
    ['an empty object', {}],
    ['a head whose root is not that of its subtrees', { root: 'A'.repeat(43) }],
    ['a head with a subtree too many', { peaks: ['A'.repeat(43), 'A'.repeat(43), 'A'.repeat(43)] }],
    ['a head whose subtrees are lists', { peaks: [['A'.repeat(43)], ['A'.repeat(43)]] }],
    ['a head of a negative size', { size: -1 }],
  ])('does not come from what is not a head: %s', async (_, change) => {
    const log = await signedLog()
    const head = JSON.parse(log.heads.at(-1) ?? '') as LogHead
    const isChange = typeof change === 'object' && change !== null && Object.keys(change).length > 0
    const heads = [isChange ? { ...head, ...change } : change] as LogHead[]
    await expect(verifyLog(log.directory, { publicKeys, heads })).rejects.toBeInstanceOf(TypeError)
  })
})

describe('a signer that comes and goes', () => {
  it('leaves a log that is not proven as long as it is away, and never one that is broken', async () => {
    const directory = newDirectory()
    let isAway = true
    const sign = (bytes: Uint8Array): Promise<Uint8Array> =>
      isAway ? Promise.reject(new Error('kms is down')) : signer.sign(bytes)
    const sink = fileSink({ directory, signer: { keyId: 'test', sign } })
    await sink.write(eventOf(1))
    const report = await verifyLog(directory, { publicKeys })
    expect(report).toMatchObject({ verdict: 'unproven', chains: [{ records: 1, covered: 0 }] })
    expect(kindsOf(report)).toEqual(['unproven'])
    isAway = false
    await sink.write(eventOf(2))
    await sink.close()
    expect(await verifyLog(directory, { publicKeys })).toMatchObject({
      verdict: 'signed',
      records: 2,
    })
  })
})
