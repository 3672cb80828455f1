import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkProof, fileSink, proveEvent, readLog, type Signer, verifyLog } from '@onbehalf/audit'
import { describe, expect, it } from 'vitest'
import { eventOf } from '../support/events.ts'
import { forgeLines } from '../support/forge.ts'
import { linesOf, newDirectory, newSigner, segments, writeLog } from '../support/log.ts'

const signer = newSigner()
const publicKeys = [signer.publicKey]

/** A closed log of 20 events, its files, and the heads that were kept elsewhere. */
async function closedLog() {
  const directory = newDirectory()
  await writeLog(directory, 20, { signer, headEveryRecords: 8 })
  const [name = ''] = segments(directory)
  const chain = name.slice(0, 16)
  const headsPath = join(directory, `${chain}.heads.jsonl`)
  const heads = (): string[] => readFileSync(headsPath, 'utf8').split('\n').slice(0, -1)
  const putHeads = (lines: readonly string[]): void =>
    writeFileSync(headsPath, lines.map((line) => `${line}\n`).join(''))
  return { directory, chain, segment: join(directory, name), headsPath, heads, putHeads }
}

type Log = Awaited<ReturnType<typeof closedLog>>

function forge({ directory, chain, segment }: Log, count = 20): void {
  const lines = forgeLines(chain, linesOf(directory).slice(0, count), (event) =>
    event.replaceAll('tool-', 'evil-'),
  )
  writeFileSync(segment, lines.join(''))
}

/** Writes the log on with the signer, and says whether the old chain was continued. */
async function isContinued({ directory, chain }: Log, by: Signer | null = signer) {
  const told: unknown[] = []
  await writeLog(directory, 1, { signer: by, onError: (error) => told.push(error) })
  const isLonger = (await verifyLog(directory)).chains.find((each) => each.chain === chain)
  return { isContinued: told.length === 0, records: isLonger?.records }
}

describe('T8 a chain that a process finds', () => {
  it('T8 is continued when its last head covers it, and signed for what comes after', async () => {
    const log = await closedLog()
    expect(await isContinued(log)).toEqual({ isContinued: true, records: 21 })
    const report = await verifyLog(log.directory, { publicKeys })
    expect(report).toMatchObject({ verdict: 'signed', chains: [{ covered: 21, findings: [] }] })
  })

  it.each<[string, (log: Log) => void | Promise<void>]>([
    ['its heads are gone', ({ headsPath }) => rmSync(headsPath)],
    ['its heads are emptied', ({ putHeads }) => putHeads([])],
    [
      'its heads are rolled back to the first',
      ({ putHeads, heads }) => putHeads(heads().slice(0, 1)),
    ],
    ['its last head is cut off', ({ putHeads, heads }) => putHeads(heads().slice(0, -1))],
    [
      'its last head is rewritten',
      ({ putHeads, heads }) =>
        putHeads(heads().map((head) => head.replace('"time":"2', '"time":"1'))),
    ],
    [
      'its last head has the signature of another one',
      ({ putHeads, heads }) => {
        const [first = '', ...rest] = heads()
        const { signature } = JSON.parse(first) as { signature: string }
        putHeads([first, ...rest.map((head) => JSON.stringify({ ...JSON.parse(head), signature }))])
      },
    ],
    [
      'its last head has no signature',
      ({ putHeads, heads }) =>
        putHeads(
          heads().map((head) => {
            const { signature: _, keyId: __, ...rest } = JSON.parse(head) as Record<string, unknown>
            return JSON.stringify(rest)
          }),
        ),
    ],
    [
      'its last head is of another chain',
      ({ putHeads, heads, chain }) =>
        putHeads(heads().map((head) => head.replace(chain, chain.split('').toReversed().join('')))),
    ],
    [
      'it is emptied, and its head is the first one of another chain',
      async ({ segment, putHeads }) => {
        const [first = ''] = (await closedLog()).heads()
        rmSync(segment)
        putHeads([first])
      },
    ],
    ['it was rewritten', forge],
    [
      'it was rewritten, and its heads rolled back',
      (log) => {
        forge(log)
        log.putHeads(log.heads().slice(0, 1))
      },
    ],
    [
      'its last record is another one with the same number',
      ({ directory, chain, segment }) => {
        const lines = linesOf(directory)
        const forged = forgeLines(chain, lines, (event) => event.replaceAll('tool-19', 'evil-19'))
        writeFileSync(
          segment,
          [...lines.slice(0, 19).map((line) => `${line}\n`), forged[19]].join(''),
        )
      },
    ],
    [
      'its last record does not have its hash',
      ({ segment }) =>
        writeFileSync(segment, readFileSync(segment, 'utf8').replace('tool-19', 'evil-19')),
    ],
    [
      'its end is cut off',
      ({ directory, segment }) =>
        truncateSync(segment, `${linesOf(directory).slice(0, 12).join('\n')}\n`.length),
    ],
    ['it is emptied, and its heads are not', ({ segment }) => writeFileSync(segment, '')],
    ['it is emptied without its heads', ({ segment }) => rmSync(segment)],
    [
      'a line is added to it',
      ({ segment }) => writeFileSync(segment, 'no record\n', { flag: 'a' }),
    ],
    [
      'a record is added to it',
      ({ directory, segment, chain }) => {
        const lines = linesOf(directory)
        const more = forgeLines(chain, [...lines, lines[0] ?? ''], (event) => event)
        writeFileSync(segment, more.at(-1) ?? '', { flag: 'a' })
      },
    ],
    [
      'a file with older records is added to it',
      ({ directory, segment }) =>
        writeFileSync(
          segment.replace('-00000001', '-00000002'),
          `${linesOf(directory).slice(0, 5).join('\n')}\n`,
        ),
    ],
  ])('T8 is left as it is when %s', async (_, attack) => {
    const log = await closedLog()
    await attack(log)
    const before = readdirSync(log.directory).map((name) => [
      name,
      readFileSync(join(log.directory, name), 'utf8'),
    ])
    expect((await isContinued(log)).isContinued).toBe(false)
    for (const [name = '', text] of before) {
      expect(readFileSync(join(log.directory, name), 'utf8')).toBe(text)
    }
    expect(['broken', 'unproven']).toContain(
      (await verifyLog(log.directory, { publicKeys })).verdict,
    )
  })

  it.each<[string, (log: Log) => void]>([
    ['its heads are gone', ({ headsPath }) => rmSync(headsPath)],
    ['20 records follow its last head', ({ putHeads }) => putHeads([])],
    ['records are missing', ({ segment }) => writeFileSync(segment, '')],
    ['its last head is changed', ({ putHeads }) => putHeads(['{}'])],
    [
      'its last record is changed',
      ({ segment }) =>
        writeFileSync(segment, readFileSync(segment, 'utf8').replace('tool-19', 'evil-19')),
    ],
    [
      'its last line is not a record',
      ({ segment }) => writeFileSync(segment, 'no record\n', { flag: 'a' }),
    ],
  ])('T8 is left with the reason for the operator: %s', async (reason, attack) => {
    const log = await closedLog()
    attack(log)
    const told: Error[] = []
    const onError = (error: unknown): void => void told.push(error as Error)
    await writeLog(log.directory, 1, { signer, onError })
    expect(told).toMatchObject([
      {
        message: `chain ${log.chain} cannot continue, another one is begun`,
        cause: { message: reason },
      },
    ])
  })

  it('T8 and that is not to be continued is not looked at again', async () => {
    const log = await closedLog()
    log.putHeads([])
    expect((await isContinued(log)).isContinued).toBe(false)
    expect(await isContinued(log)).toEqual({ isContinued: true, records: 20 })
    expect((await verifyLog(log.directory)).chains).toHaveLength(2)
  })

  it.each<[string, Signer | null]>([
    ['another key', { ...newSigner(), keyId: 'other' }],
    ['another key under the same name', newSigner()],
    ['no key', null],
  ])('T8 is not continued by %s', async (_, by) => {
    const log = await closedLog()
    expect((await isContinued(log, by)).isContinued).toBe(false)
  })

  it('T8 waits for its signer: while that is away, another one is begun', async () => {
    const log = await closedLog()
    const away = { ...signer, sign: () => Promise.reject(new Error('kms is down')) }
    expect(await isContinued(log, away)).toEqual({ isContinued: false, records: 20 })
    expect((await isContinued(log)).records).toBe(21)
  })

  it('T8 and that begins a file which was never written is continued in it', async () => {
    const log = await closedLog()
    writeFileSync(log.segment.replace('-00000001', '-00000002'), '')
    expect(await isContinued(log)).toEqual({ isContinued: true, records: 21 })
    expect((await verifyLog(log.directory, { publicKeys })).verdict).toBe('signed')
  })
})

describe('T8 no proof', () => {
  it('T8 is ever signed for an event that the writer did not write', async () => {
    const log = await closedLog()
    forge(log)
    log.putHeads(log.heads().slice(0, 1))
    await isContinued(log)
    for await (const { event } of readLog(log.directory)) {
      const proof = await proveEvent(log.directory, event.id).catch(() => undefined)
      const proven = proof && checkProof(proof, publicKeys)
      expect(proven?.target?.name ?? '').not.toContain('evil')
    }
  })

  it('T8 is lost for what was written before', async () => {
    const directory = newDirectory()
    const sink = fileSink({ directory, signer })
    const event = eventOf(1)
    await sink.write(event)
    await sink.close()
    await writeLog(directory, 3, { signer })
    expect(checkProof(await proveEvent(directory, event.id), publicKeys)).toEqual(event)
  })
})
