import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { InclusionPath, rootFromPath } from '../../src/merkle/inclusion-proof.ts'
import {
  fromBase64url,
  GrowingTree,
  isDigest,
  nodeHash,
  toBase64url,
} from '../../src/merkle/tree.ts'

/** The tree hash exactly as RFC 9162 section 2.1.1 defines it, by recursion over all entries. */
function treeHash(entries: readonly string[]): string {
  if (entries.length === 0) return sha256('')
  if (entries.length === 1) return sha256(`\x00${entries[0]}`)
  let k = 1
  while (k * 2 < entries.length) k *= 2
  return sha256(`\x01${treeHash(entries.slice(0, k))}${treeHash(entries.slice(k))}`)
}

function sha256(latin1: string): string {
  return createHash('sha256').update(Buffer.from(latin1, 'latin1')).digest().toString('latin1')
}

function hex(digest: string): string {
  return Buffer.from(digest, 'latin1').toString('hex')
}

function treeOf(entries: readonly string[]): GrowingTree {
  const tree = new GrowingTree()
  for (const entry of entries) tree.add(entry)
  return tree
}

function pathOf(entries: readonly string[], index: number): readonly string[] {
  const path = new InclusionPath(index, entries.length)
  for (const entry of entries) path.add(entry)
  return path.finish()
}

const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657'].concat(
  '606162636465666768696a6b6c6d6e6f',
)
const entries = leaves.map((leaf) => Buffer.from(leaf, 'hex').toString('latin1'))
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const many = Array.from({ length: 70 }, (_, number) => sha256(String(number)))

describe('T14 Merkle trees, RFC 9162', () => {
  it.each(roots.map((root, size) => [size, root] as const))(
    'T14 has the well-known root of size %d',
    (size, root) => {
      expect(hex(treeOf(entries.slice(0, size)).root())).toBe(root)
    },
  )

  it('T14 agrees with the definition at every size', () => {
    for (let size = 0; size <= many.length; size++) {
      const some = many.slice(0, size)
      expect(hex(treeOf(some).root())).toBe(hex(treeHash(some)))
    }
  })

  it('grows on from its complete subtrees', () => {
    for (let size = 0; size < many.length; size++) {
      const tree = GrowingTree.resume(size, treeOf(many.slice(0, size)).peaks)
      for (const entry of many.slice(size)) tree.add(entry)
      expect(tree.root()).toBe(treeHash(many))
    }
  })

  it('T14 proves every entry of every size, and no other', () => {
    for (let size = 1; size <= 40; size++) {
      const some = many.slice(0, size)
      const root = treeHash(some)
      for (let index = 0; index < size; index++) {
        const path = pathOf(some, index)
        const entry = some[index] ?? ''
        expect(rootFromPath(entry, index, size, path)).toBe(root)
        expect(rootFromPath(many[50] ?? '', index, size, path)).not.toBe(root)
        expect(rootFromPath(entry, index, size, [...path, root])).toBeUndefined()
        if (size === 1) continue
        expect(rootFromPath(entry, index, size, path.slice(0, -1))).toBeUndefined()
        expect(rootFromPath(entry, (index + 1) % size, size, path)).not.toBe(root)
      }
    }
  })

  it.each([
    [-1, 1],
    [1, 1],
    [0.5, 1],
    [Number.NaN, 1],
    [-2, 2],
    [2, 2],
    [3, 2],
    [0.5, 2],
    [0, 1.5],
    [0, Number.NaN],
  ])('proves nothing for index %d of %d, whatever the path', (index, size) => {
    const [entry = '', sibling = ''] = many
    expect(rootFromPath(entry, index, size, [])).toBeUndefined()
    expect(rootFromPath(entry, index, size, [sibling])).toBeUndefined()
  })

  it('makes a path of the entries of its tree, and of no fewer', () => {
    const path = new InclusionPath(1, 5)
    for (const entry of many) path.add(entry)
    expect(path.finish()).toEqual(pathOf(many.slice(0, 5), 1))
    const short = new InclusionPath(1, 5)
    for (const entry of many.slice(0, 4)) short.add(entry)
    expect(() => short.finish()).toThrow(RangeError)
  })

  it('takes one spelling of a digest', () => {
    const digest = toBase64url(many[0] ?? '')
    expect(isDigest(digest)).toBe(true)
    expect(fromBase64url(digest)).toBe(many[0])
    const last = digest.at(-1) ?? ''
    const sameBits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const other = `${digest.slice(0, -1)}${sameBits[sameBits.indexOf(last) + 1]}`
    expect(fromBase64url(other)).toBe(many[0])
    const wrong = [
      '',
      'AAAA',
      digest.slice(1),
      `${digest}A`,
      `${digest}=`,
      other,
      7,
      null,
      [digest],
    ]
    for (const value of wrong) expect(isDigest(value)).toBe(false)
  })

  it.each<[string, (path: readonly string[]) => readonly string[]]>([
    ['longer', (path) => path.map((element) => `${element}more`)],
    ['shorter', (path) => path.map((element) => element.slice(1))],
    ['empty', (path) => path.map(() => '')],
    ['empty at the end', (path) => [...path.slice(0, -1), '']],
  ])('proves nothing by elements that are %s, also right after a good path', (_, edit) => {
    for (const size of [2, 8, 13]) {
      const some = many.slice(0, size)
      const path = pathOf(some, 1)
      expect(rootFromPath(some[1] ?? '', 1, size, path)).toBe(treeHash(some))
      expect(rootFromPath(some[1] ?? '', 1, size, edit(path))).toBeUndefined()
    }
  })

  it('makes no node of what is not a digest', () => {
    const digest = many[0] ?? ''
    expect(() => nodeHash(digest, '')).toThrow(RangeError)
    expect(() => nodeHash(`${digest}0`, digest)).toThrow(RangeError)
  })
})
