import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { headText, type LogHead, parseHead, signedBytes } from '../../src/heads/head.ts'
import { isSignedBy } from '../../src/heads/signer.ts'
import { GrowingTree, leafHash, rootOf, toBase64url } from '../../src/merkle/tree.ts'

const last = toBase64url(leafHash('last'))
const other = toBase64url(leafHash('other'))

function headOf(size: number): LogHead {
  const tree = new GrowingTree()
  for (let at = 0; at < size; at++) tree.add(leafHash(String(at)))
  const peaks = tree.peaks.map(toBase64url)
  const root = toBase64url(tree.root())
  return { chain: 'one', size, root, peaks, last, time: '2026-01-01T00:00:00.000Z' }
}

describe('a head', () => {
  it.each([0, 1, 2, 3, 5, 7, 8, 100])('of %d records is read as it was written', (size) => {
    const head = headOf(size)
    expect(parseHead(headText(head))).toEqual(head)
  })

  const whole = headOf(5)
  const [first = '', second = ''] = whole.peaks
  const swapped = [second, first]
  const rootOfSwapped = toBase64url(
    rootOf(swapped.map((it) => Buffer.from(it, 'base64url').toString('latin1'))),
  )

  it.each<[string, unknown]>([
    ['is broken JSON', undefined],
    ['is null', null],
    ['is a text', 'head'],
    ['is a list', [whole]],
    ['names no chain', { ...whole, chain: undefined }],
    ['names a chain by a number', { ...whole, chain: 7 }],
    ['has no size', { ...whole, size: undefined }],
    ['has a size as text', { ...whole, size: '5' }],
    ['has a fraction as size', { ...whole, size: 5.5 }],
    // Its bits are those of 5.
    ['has a size below zero', { ...whole, size: -5 }],
    ['has no peaks', { ...whole, peaks: undefined }],
    ['has peaks as text', { ...whole, peaks: 'ab' }],
    ['has as many peaks as another size', { ...whole, size: 7 }],
    ['has peaks of another tree', { ...whole, peaks: [first, other] }],
    ['has its peaks in another order', { ...whole, peaks: swapped }],
    ['has another root', { ...whole, root: other }],
    ['has no root', { ...whole, root: undefined }],
    ['has a root in another spelling', { ...whole, root: `${whole.root}=` }],
    ['has a peak in another spelling', { ...whole, peaks: [first, `${second}=`] }],
    ['has no last hash', { ...whole, last: undefined }],
    ['has a last hash that is none', { ...whole, last: 'last' }],
    ['has no time', { ...whole, time: undefined }],
    ['has a time as number', { ...whole, time: 1 }],
  ])('is none if it %s', (_, value) => {
    expect(parseHead(value === undefined ? '{' : JSON.stringify(value))).toBeUndefined()
  })

  it('says by its root in which order its peaks are', () => {
    const head = { ...whole, peaks: swapped, root: rootOfSwapped }
    expect(parseHead(JSON.stringify(head))).toEqual(head)
  })
})

describe('the signature of a head', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const stranger = generateKeyPairSync('ed25519').publicKey
  const signed = (head: LogHead): LogHead => {
    const signature = sign(null, signedBytes(head), privateKey).toString('base64url')
    return { ...head, signature }
  }
  const head = signed(headOf(3))

  it('counts if one of the keys made it', () => {
    expect(isSignedBy(head, [publicKey])).toBe(true)
    expect(isSignedBy(head, [stranger, publicKey])).toBe(true)
    expect(isSignedBy(head, [stranger])).toBe(false)
    expect(isSignedBy(head, [])).toBe(false)
  })

  it.each<[string, object]>([
    ['has none', { signature: undefined }],
    ['has one that is a list', { signature: [head.signature] }],
    ['has an empty one', { signature: '' }],
    ['has that of another size', { size: 4 }],
    ['has that of another chain', { chain: 'two' }],
    ['has that of another time', { time: '2027-01-01T00:00:00.000Z' }],
    ['has a member more', { note: 'mine' }],
    ['has a member that no canonical text can say', { note: '\ud800' }],
  ])('does not count where a head %s', (_, change) => {
    expect(isSignedBy({ ...head, ...change } as LogHead, [publicKey])).toBe(false)
  })

  it('is one of Ed25519 over a text that nothing else begins with', () => {
    const { signature = '', ...rest } = head
    const bytes = signedBytes(rest)
    expect(Buffer.from(bytes).toString().split('\n')[0]).toBe('onbehalf audit head v1')
    const key = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }))
    expect(verify(null, bytes, key, Buffer.from(signature, 'base64url'))).toBe(true)
  })
})
