import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkProof, fileSink, type InclusionProof, proveEvent } from '@onbehalf/audit'
import { beforeEach, describe, expect, it } from 'vitest'
import { eventOf } from '../support/events.ts'
import { linesOf, newDirectory, newSigner, recordsOf, segments, writeLog } from '../support/log.ts'

const signer = newSigner()
const publicKeys = [signer.publicKey]

async function proofOf(number: number): Promise<InclusionProof> {
  const directory = newDirectory()
  await writeLog(directory, 7, { signer })
  const { event } = (await recordsOf(directory))[number] ?? { event: eventOf(0) }
  return proveEvent(directory, event.id)
}

describe('a proof of one event', () => {
  it('holds for every event, under the key of the log alone', async () => {
    const directory = newDirectory()
    const sink = fileSink({ directory, signer, maxSegmentBytes: 4_000 })
    for (let number = 0; number < 50; number++) await sink.write(eventOf(number))
    await sink.close()
    for (const { event } of (await recordsOf(directory)).filter((_, at) => at % 9 === 0)) {
      const proof = await proveEvent(directory, event.id)
      expect(checkProof(proof, publicKeys)).toEqual(event)
      expect(checkProof(proof, [newSigner().publicKey])).toBeUndefined()
      expect(checkProof({ ...proof, path: proof.path.slice(1) }, publicKeys)).toBeUndefined()
      const forged = { ...proof.head, size: proof.head.size + 1 }
      expect(checkProof({ ...proof, head: forged }, publicKeys)).toBeUndefined()
    }
  })

  it('does not come from a log that was changed', async () => {
    const directory = newDirectory()
    await writeLog(directory, 20, { signer })
    const file = join(directory, segments(directory)[0] ?? '')
    const lines = linesOf(directory)
    const { event } = (await recordsOf(directory))[3] ?? { event: eventOf(0) }
    const changed = lines.toSpliced(10, 1, lines[11] ?? '')
    writeFileSync(file, changed.join('\n').concat('\n'))
    await expect(proveEvent(directory, event.id)).rejects.toThrow(RangeError)
  })
})

describe('what is not a proof', () => {
  let good: InclusionProof
  beforeEach(async () => {
    good ??= await proofOf(2)
    // Right before each of these: nothing of a good proof may be left for the next one.
    if (checkProof(good, publicKeys) === undefined) throw new Error('the proof does not hold')
  })

  type Edit = (path: readonly string[]) => unknown
  const last: (text: string) => Edit = (text) => (path) => [...path.slice(0, -1), text]

  it.each<[string, Edit]>([
    ['is missing', () => undefined],
    ['is null', () => null],
    ['is text', (path) => path.join('')],
    ['is an object', (path) => Object.fromEntries(path.entries())],
    ['is empty', () => []],
    ['lacks its last element', (path) => path.slice(0, -1)],
    ['lacks its first element', (path) => path.slice(1)],
    ['has one element more', (path) => [...path, path[0]]],
    ['has its elements in another order', (path) => path.toReversed()],
    ['ends with an empty element', last('')],
    ['has an empty element more', (path) => [...path, '']],
    ['holds numbers', (path) => path.map((_, at) => at)],
    ['holds null', () => [null, null, null]],
    ['holds lists', (path) => path.map((element) => [element])],
    ['holds elements that are one byte longer', (path) => path.map((element) => `${element}AA`)],
    ['holds elements with padding', (path) => path.map((element) => `${element}=`)],
    ['holds elements with a blank', (path) => path.map((element) => ` ${element}`)],
    ['holds elements that are one character shorter', (path) => path.map((each) => each.slice(1))],
    [
      'holds elements in the alphabet of base64',
      (path) => path.map((each) => each.replaceAll('-', '+').replaceAll('_', '/')).concat('+/'),
    ],
    [
      'holds elements with bits beyond their bytes',
      (path) => path.map((each) => each.slice(0, -1) + nextLetter(each.slice(-1))),
    ],
  ])('is one whose path %s', (_, edit) => {
    expect(checkProof(good, publicKeys)).toBeDefined()
    const proof = { ...good, path: edit(good.path) } as InclusionProof
    expect(checkProof(proof, publicKeys)).toBeUndefined()
  })

  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['text', 'proof'],
    ['a list', []],
    ['an empty object', {}],
    ['an object that contains itself', circular],
    ['a BigInt', { record: 1n }],
    [
      'a member that throws',
      {
        get record() {
          throw new Error('no')
        },
      },
    ],
  ])('is %s', (_, proof) => {
    expect(checkProof(proof as InclusionProof, publicKeys)).toBeUndefined()
  })

  it.each<[string, (proof: InclusionProof) => object]>([
    ['record is a number', () => ({ record: 5 })],
    ['record is empty', () => ({ record: '' })],
    ['record is null', () => ({ record: null })],
    ['record has a newline behind it', ({ record }) => ({ record: `${record}\n` })],
    ['record has a blank before it', ({ record }) => ({ record: ` ${record}` })],
    ['record is another one', ({ record }) => ({ record: record.replace('tool-2', 'tool-3') })],
    ['head is null', () => ({ head: null })],
    ['head is a list', () => ({ head: [] })],
    ['head is empty', () => ({ head: {} })],
    ['head has no signature', ({ head }) => ({ head: { ...head, signature: undefined } })],
    ['head has an empty signature', ({ head }) => ({ head: { ...head, signature: '' } })],
    ['head has a signature that is a number', ({ head }) => ({ head: { ...head, signature: 1 } })],
    ['head has another time', ({ head }) => ({ head: { ...head, time: 'now' } })],
    ['head has a member more', ({ head }) => ({ head: { ...head, more: 1 } })],
    ['head has half a character', ({ head }) => ({ head: { ...head, more: '\ud800' } })],
    ['head knows no record', ({ head }) => ({ head: { ...head, size: 0, peaks: [] } })],
    ['head has no subtrees', ({ head }) => ({ head: { ...head, peaks: undefined } })],
  ])('is one whose %s', (_, change) => {
    const proof = { ...good, ...change(good) } as InclusionProof
    expect(checkProof(proof, publicKeys)).toBeUndefined()
  })

  it('is one whose record says other characters than those that were hashed', async () => {
    const directory = newDirectory()
    const event = { ...eventOf(0), method: 'a\ufffdb' }
    const sink = fileSink({ directory, signer })
    await sink.write(event)
    await sink.close()
    const proof = await proveEvent(directory, event.id)
    expect(checkProof(proof, publicKeys)?.method).toBe('a\ufffdb')
    const record = proof.record.replace('\ufffd', '\ud800')
    expect(checkProof({ ...proof, record }, publicKeys)).toBeUndefined()
  })

  it('does not hide a key that is none', () => {
    expect(() => checkProof(good, ['no key'])).toThrow(Error)
  })
})

// The next letter of the alphabet of base64url, which differs in the lowest bit from a letter at an
// even place, as the last of 43 always is.
function nextLetter(letter: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return letters[letters.indexOf(letter) + 1] ?? ''
}
