import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Finding, type LogHead, type LogReport, verifyLog } from '@onbehalf/audit'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { linesOf, newSigner, segments, writeLog } from '../support/log.ts'

const size = 300
// Both ends, and every 23rd line between them: each place is one verification of the whole log.
const places = Array.from({ length: size }, (_, at) => at).filter(
  (at) => at % 23 === 0 || at < 3 || at >= size - 3,
)
const signer = newSigner()
const publicKeys = [signer.publicKey]
let directory: string
let file: string
let lines: readonly string[]

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'onbehalf-tampering-'))
  await writeLog(directory, size, { signer })
  file = join(directory, segments(directory)[0] ?? '')
  lines = linesOf(directory)
  return () => rmSync(directory, { recursive: true })
})

function verify(heads: readonly LogHead[] = []): Promise<LogReport> {
  return verifyLog(directory, { publicKeys, heads })
}

/** The first finding in a log of these lines. */
async function findingIn(changed: readonly string[]): Promise<Finding | undefined> {
  writeFileSync(file, changed.map((line) => `${line}\n`).join(''))
  const { chains } = await verify()
  return chains[0]?.findings[0]
}

function lastHead(): LogHead {
  const name = readdirSync(directory).find((entry) => entry.endsWith('.heads.jsonl')) ?? ''
  const heads = readFileSync(join(directory, name), 'utf8').trim().split('\n')
  return JSON.parse(heads.at(-1) ?? '') as LogHead
}

describe('T7 a log of 300 events', () => {
  it('verifies as it was written', async () => {
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
    const report = await verify()
    expect(report).toMatchObject({ ok: true, records: size, signaturesChecked: true })
    expect(report.chains[0]).toMatchObject({ covered: size, findings: [] })
  })

  it('T7 names a deleted line', { timeout: 120_000 }, async () => {
    for (const at of places) {
      const kind = at === size - 1 ? 'truncated' : 'missing'
      expect(await findingIn(lines.toSpliced(at, 1))).toMatchObject({ kind, seq: at + 1 })
    }
  })

  it('T7 names a swap of neighbours', { timeout: 120_000 }, async () => {
    for (const at of places.slice(0, -1)) {
      const swapped = lines.toSpliced(at, 2, lines[at + 1] ?? '', lines[at] ?? '')
      expect(await findingIn(swapped)).toMatchObject({ kind: 'swapped', seq: at + 1, line: at + 1 })
    }
  })

  it('T7 names swaps of lines that are far apart', { timeout: 120_000 }, async () => {
    await check(fc.uniqueArray(position(), { minLength: 2, maxLength: 2 }), async (pair) => {
      const [a = 0, b = 0] = pair.toSorted((x, y) => x - y)
      const swapped = lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '')
      expect(await findingIn(swapped)).toMatchObject({ kind: 'swapped', seq: a + 1 })
    })
  })

  it('T7 names a duplicated line', { timeout: 120_000 }, async () => {
    for (const at of places) {
      const doubled = lines.toSpliced(at, 0, lines[at] ?? '')
      expect(await findingIn(doubled)).toMatchObject({ kind: 'duplicated', seq: at + 1 })
    }
  })

  it('T7 names a copied line that is inserted elsewhere', { timeout: 120_000 }, async () => {
    await check(fc.tuple(position(), position()), async ([from, to]) => {
      fc.pre(to !== from && to !== from + 1)
      const inserted = lines.toSpliced(to, 0, lines[from] ?? '')
      expect(await findingIn(inserted)).toMatchObject({ kind: 'inserted', line: to + 1 })
    })
  })

  it('T7 names a foreign line', { timeout: 120_000 }, async () => {
    await check(position(), async (at) => {
      const foreign = await findingIn(lines.toSpliced(at, 0, '{"event":{}}'))
      expect(foreign).toMatchObject({ kind: 'inserted', line: at + 1 })
    })
  })

  it('T7 finds flipped bits wherever they are', { timeout: 300_000 }, async () => {
    const whole = Buffer.from(lines.map((line) => `${line}\n`).join(''))
    const place = fc.tuple(fc.nat(whole.length - 1), fc.nat(7))
    await check(
      place,
      async ([at, bit]) => {
        const changed = Buffer.from(whole)
        changed[at] = (changed[at] ?? 0) ^ (1 << bit)
        writeFileSync(file, changed)
        const { ok, chains } = await verify()
        const seq = whole.subarray(0, at).toString('latin1').split('\n').length
        const isLastByte = at === whole.length - 1
        expect(ok).toBe(false)
        expect(chains[0]?.findings[0]).toMatchObject({
          kind: isLastByte ? 'truncated' : 'changed',
          seq,
        })
      },
      1_000,
    )
  })

  it('T7 finds every flipped byte of one line', { timeout: 120_000 }, async () => {
    const text = lines[499] ?? ''
    for (let at = 0; at < text.length; at++) {
      const bytes = Buffer.from(text)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      const finding = await findingIn(lines.with(499, bytes.toString('latin1')))
      expect(finding).toMatchObject({ kind: 'changed', seq: 500 })
    }
  })

  it('T7 finds a cut at any byte, by the signed head', { timeout: 300_000 }, async () => {
    const whole = lines.map((line) => `${line}\n`).join('')
    await check(fc.nat(whole.length - 1), async (length) => {
      writeFileSync(file, whole)
      truncateSync(file, length)
      const kept = whole.slice(0, length).split('\n').length - 1
      const { ok, chains } = await verify()
      expect(ok).toBe(false)
      expect(chains[0]?.findings[0]).toMatchObject({ kind: 'truncated', seq: kept + 1 })
    })
  })

  it('T7 finds an old copy of the whole directory, by a head that was kept elsewhere', async () => {
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
    const old = `${directory}-old`
    cpSync(directory, old, { recursive: true })
    await writeLog(directory, 10, { signer })
    const kept = lastHead()
    expect(kept.size).toBe(size + 10)
    rmSync(directory, { recursive: true })
    cpSync(old, directory, { recursive: true })
    rmSync(old, { recursive: true })
    expect((await verify()).ok).toBe(true)
    const report = await verify([kept])
    expect(report.ok).toBe(false)
    expect(report.chains[0]?.findings[0]).toMatchObject({ kind: 'replayed', seq: size + 1 })
  })
})

function position(): fc.Arbitrary<number> {
  return fc.nat(size - 1)
}

async function check<T>(
  values: fc.Arbitrary<T>,
  property: (value: T) => Promise<void>,
  numRuns = 200,
): Promise<void> {
  await fc.assert(fc.asyncProperty(values, property), { numRuns })
}
