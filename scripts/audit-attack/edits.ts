import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { type LogHead, visibleText } from '@onbehalf/audit'
import { signedBytes } from '../../packages/audit/src/heads/head.ts'
import { fromBase64url, GrowingTree, toBase64url } from '../../packages/audit/src/merkle/tree.ts'
import type { Dice } from './dice.ts'

/** The files of a log by name, as text of `latin1`. */
export type Files = Map<string, string>

/** What an attacker has who may write to the directory: every state that it ever had, and no key. */
export interface Loot {
  readonly files: Files
  readonly earlier: readonly Files[]
  readonly dice: Dice
}

const { privateKey } = generateKeyPairSync('ed25519')

const segmentsOf = (files: Files): string[] =>
  [...files.keys()].filter((name) => /-\d{8}\.jsonl$/.test(name)).toSorted()
const headsOf = (files: Files): string[] =>
  [...files.keys()].filter((name) => name.endsWith('.heads.jsonl')).toSorted()
const linesOf = (text: string | undefined): string[] => (text ?? '').split('\n').slice(0, -1)
const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

/** Ways to change a log. */
export const edits: Readonly<Record<string, (loot: Loot) => void>> = {
  'flip a bit': ({ files, dice }) =>
    onFile(files, dice, [...files.keys()], (text) => {
      const at = dice.below(text.length)
      const flipped = String.fromCharCode(text.charCodeAt(at) ^ (1 << dice.below(8)))
      return text.slice(0, at) + flipped + text.slice(at + 1)
    }),
  'delete a byte': ({ files, dice }) =>
    onFile(files, dice, [...files.keys()], (text) => {
      const at = dice.below(text.length)
      return text.slice(0, at) + text.slice(at + 1)
    }),
  'insert a byte': ({ files, dice }) =>
    onFile(files, dice, [...files.keys()], (text) => {
      const at = dice.below(text.length + 1)
      return text.slice(0, at) + dice.pick(['\n', '\r', ' ', '\0', '"', '}']) + text.slice(at)
    }),
  'cut a file': ({ files, dice }) =>
    onFile(files, dice, [...files.keys()], (text) => text.slice(0, dice.below(text.length))),
  'empty a file': ({ files, dice }) => onFile(files, dice, [...files.keys()], () => ''),
  'remove a file': ({ files, dice }) => void files.delete(dice.pick([...files.keys()])),
  'remove a line': (loot) => onLines(loot, (lines, at) => void lines.splice(at, 1)),
  'repeat a line': (loot) =>
    onLines(
      loot,
      (lines, at) => void lines.splice(loot.dice.below(lines.length), 0, lines[at] ?? ''),
    ),
  'exchange lines': (loot) =>
    onLines(loot, (lines, at) => {
      const other = loot.dice.below(lines.length)
      ;[lines[at], lines[other]] = [lines[other] ?? '', lines[at] ?? '']
    }),
  'take a line of another file': (loot) =>
    onLines(loot, (lines, at) => {
      const from = loot.files.get(loot.dice.pick([...loot.files.keys()]))
      lines.splice(at, loot.dice.below(2), loot.dice.pick(linesOf(from)) ?? '')
    }),
  'exchange files': ({ files, dice }) => {
    const names = [...files.keys()]
    const [a, b] = [dice.pick(names), dice.pick(names)]
    const [left = '', right = ''] = [files.get(a), files.get(b)]
    files.set(a, right).set(b, left)
  },
  'rename a segment': ({ files, dice }) => {
    const from = dice.pick(segmentsOf(files))
    const text = files.get(from)
    if (text === undefined) return
    files.delete(from)
    files.set(from.replace(/\d{8}(?=\.jsonl)/, String(1 + dice.below(9)).padStart(8, '0')), text)
  },
  'remove heads': (loot) =>
    onHeads(loot, (heads) => void heads.splice(loot.dice.below(heads.length), heads.length)),
  'remove some heads': (loot) =>
    onHeads(loot, (heads) => void heads.splice(loot.dice.below(heads.length), loot.dice.below(4))),
  'turn heads around': (loot) => onHeads(loot, (heads) => void heads.reverse()),
  'add an older head': (loot) =>
    onHeads(loot, (heads) => void heads.push(heads[loot.dice.below(heads.length)] ?? '')),
  'take signatures off heads': (loot) =>
    onHeads(loot, (heads) => {
      heads.forEach((head, at) => {
        const { signature: _, keyId: __, ...rest } = parse(head)
        heads[at] = JSON.stringify(rest)
      })
    }),
  'put a signature under another head': (loot) =>
    onHeads(loot, (heads) => {
      const { signature } = parse(loot.dice.pick(heads))
      const at = loot.dice.below(heads.length)
      heads[at] = JSON.stringify({ ...parse(heads[at]), signature })
    }),
  'write records again': (loot) => rewrite(loot, 'keep heads'),
  'write records again, without heads': (loot) => rewrite(loot, 'no heads'),
  'write records again, with older heads': (loot) => rewrite(loot, 'older heads'),
  'write records again, with heads of another key': (loot) => rewrite(loot, 'forged heads'),
  'put back an earlier state': ({ files, earlier, dice }) => {
    files.clear()
    for (const [name, text] of dice.pick(earlier)) files.set(name, text)
  },
  'put back an earlier state of one chain': ({ files, earlier, dice }) => {
    const chain = chainOf(dice.pick([...files.keys()]))
    removeChain(files, chain)
    for (const [name, text] of dice.pick(earlier))
      if (chainOf(name) === chain) files.set(name, text)
  },
  'put back an earlier file': ({ files, earlier, dice }) => {
    const [name, text] = dice.pick([...dice.pick(earlier)])
    files.set(name, text)
  },
  'remove a chain': ({ files, dice }) => removeChain(files, chainOf(dice.pick([...files.keys()]))),
  'cut log and heads back to a head': (loot) => {
    const name = loot.dice.pick(headsOf(loot.files))
    const heads = linesOf(loot.files.get(name))
    const kept = heads.slice(0, 1 + loot.dice.below(heads.length))
    loot.files.set(name, textOf(kept))
    cutRecords(loot.files, chainOf(name), parse(kept.at(-1)).size ?? 0)
  },
  'lock a chain': ({ files, dice }) =>
    void files.set(`${chainOf(dice.pick([...files.keys()]))}.lock.${1 + dice.below(3)}`, '{}'),
}

function onFile(
  files: Files,
  dice: Dice,
  names: readonly string[],
  change: (text: string) => string,
): void {
  const name = dice.pick(names)
  const text = files.get(name)
  if (text !== undefined && text !== '') files.set(name, change(text))
}

function onLines(loot: Loot, change: (lines: string[], at: number) => void): void {
  const { files, dice } = loot
  onFile(files, dice, segmentsOf(files), (text) => {
    const lines = linesOf(text)
    change(lines, dice.below(lines.length))
    return textOf(lines)
  })
}

function onHeads({ files, dice }: Loot, change: (heads: string[]) => void): void {
  onFile(files, dice, headsOf(files), (text) => {
    const heads = linesOf(text)
    change(heads)
    return textOf(heads)
  })
}

function parse(head: string | undefined): Partial<LogHead> {
  try {
    const value: unknown = JSON.parse(head ?? '')
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

function chainOf(name: string): string {
  return name.slice(0, 16)
}

function removeChain(files: Files, chain: string): void {
  for (const name of files.keys()) if (chainOf(name) === chain) files.delete(name)
}

function cutRecords(files: Files, chain: string, size: number): void {
  let left = size
  for (const name of segmentsOf(files).filter((each) => chainOf(each) === chain)) {
    const lines = linesOf(files.get(name))
    files.set(name, textOf(lines.slice(0, left)))
    left = Math.max(0, left - lines.length)
  }
}

/** Writes the records of a chain again from some place on, with right hashes, into one file. */
function rewrite(
  { files, dice }: Loot,
  heads: 'keep heads' | 'no heads' | 'older heads' | 'forged heads',
): void {
  const chain = chainOf(dice.pick([...files.keys()]))
  const names = segmentsOf(files).filter((name) => chainOf(name) === chain)
  const lines = names.flatMap((name) => linesOf(files.get(name)))
  const from = dice.below(lines.length)
  const { forged, head } = forge(chain, lines, from)
  for (const name of names) files.delete(name)
  files.set(`${chain}-00000001.jsonl`, textOf(forged))
  const file = `${chain}.heads.jsonl`
  const kept = linesOf(files.get(file))
  const older = kept.filter((line) => (parse(line).size ?? 0) <= from)
  if (heads === 'no heads') files.set(file, '')
  if (heads === 'older heads') files.set(file, textOf(older))
  if (heads === 'forged heads') files.set(file, textOf([...older, head]))
}

function forge(
  chain: string,
  lines: readonly string[],
  from: number,
): { forged: readonly string[]; head: string } {
  const tree = new GrowingTree()
  let prev = sha256(chain)
  const forged = lines.map((line, at) => {
    const written = eventOf(line)
    const event = at < from ? written : written.replaceAll('tool-', 'evil-')
    const hash = sha256(`{"event":${event},"prev":"${prev}","seq":${at + 1}}`)
    const text = `{"event":${event},"hash":"${hash}","prev":"${prev}","seq":${at + 1}}`
    prev = hash
    tree.add(fromBase64url(hash))
    return text
  })
  const unsigned: LogHead = {
    chain,
    size: tree.size,
    root: toBase64url(tree.root()),
    peaks: tree.peaks.map(toBase64url),
    last: prev,
    time: new Date().toISOString(),
    keyId: 'server',
  }
  const signature = sign(null, signedBytes(unsigned), privateKey).toString('base64url')
  return { forged, head: JSON.stringify({ ...unsigned, signature }) }
}

function eventOf(line: string): string {
  const end = line.lastIndexOf(',"hash":"')
  return end < 0 ? `{"note":${JSON.stringify(visibleText(line))}}` : line.slice(9, end)
}

function sha256(text: string): string {
  return createHash('sha256').update(Buffer.from(text, 'latin1')).digest('base64url')
}
