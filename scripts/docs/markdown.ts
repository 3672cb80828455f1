import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A line of a file that people edit: where a complaint points. */
export interface Origin {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
}

/** A fenced block of code. */
export interface Block extends Origin {
  readonly language: string
  readonly lines: readonly string[]
}

export interface Link extends Origin {
  readonly target: string
}

/** What the checks read of a page. */
export interface Page {
  readonly file: string
  readonly blocks: readonly Block[]
  readonly links: readonly Link[]
  /** Fragments that links may name, as GitHub derives them from headings. */
  readonly anchors: ReadonlySet<string>
  readonly headings: readonly Heading[]
  /** The text with everything blanked that is code. */
  readonly prose: string
}

interface Heading extends Origin {
  readonly title: string
}

const fence = /^ *(`{3,})\s*(\S*)/
const heading = /^#{1,6} +(.+?)(?: +#+)?$/
// Code spans go first: what looks like a link inside one is none.
const codeSpan = /(`+)(?!`).*?[^`]\1(?!`)/g
const inlineLink = /\]\(<?([^)\s>]+)>?(?: +"[^"]*")?\)/g
const referenceLink = /^ {0,3}\[[^\]]+\]: *<?([^\s>]+)>?/

/** Every page that readers get: at the root, in the guide, and in each package and example. */
export function findPages(): string[] {
  const root = readdirSync('.').filter(isMarkdown)
  const folders = ['docs', 'docs/aws', 'docs/frameworks']
  const guide = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  const readmes = ['packages', 'examples'].flatMap((folder) =>
    readdirSync(folder).map((name) => join(folder, name, 'README.md')),
  )
  return [...root, ...guide.filter(isMarkdown), ...readmes.filter(existsSync)]
}

function isMarkdown(name: string): boolean {
  return name.endsWith('.md')
}

export function readPage(file: string): Page {
  const source = readFileSync(file, 'utf8').split('\n')
  const { blocks, prose } = splitFences(file, source)
  const headings = readHeadings(file, prose)
  return {
    file,
    blocks,
    links: readLinks(file, prose),
    anchors: readAnchors(headings),
    headings,
    prose: prose.map((line) => line.replaceAll(codeSpan, blank)).join('\n'),
  }
}

interface Split {
  readonly blocks: Block[]
  /** The lines outside of fences; those inside are empty. */
  readonly prose: string[]
}

function splitFences(file: string, source: readonly string[]): Split {
  const blocks: Block[] = []
  const prose: string[] = []
  let open: (Block & { lines: string[] }) | undefined
  let closing = ''
  for (const [index, text] of source.entries()) {
    const [, ticks = '', language = ''] = fence.exec(text) ?? []
    prose.push('')
    if (open === undefined && ticks === '') prose[index] = text
    else if (open === undefined) {
      closing = ticks
      open = { file, line: index + 2, language, lines: [] }
    } else if (ticks.length < closing.length || language !== '') open.lines.push(text)
    else {
      blocks.push(open)
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line - 1}: a fence is never closed`)
  return { blocks, prose }
}

function readLinks(file: string, prose: readonly string[]): Link[] {
  return prose.flatMap((text, index) => {
    const line = index + 1
    const plain = text.replaceAll(codeSpan, 'code')
    const targets = [...plain.matchAll(inlineLink), referenceLink.exec(plain)]
    return targets.flatMap((match) => (match?.[1] ? [{ file, line, target: match[1] }] : []))
  })
}

function readHeadings(file: string, prose: readonly string[]): Heading[] {
  return prose.flatMap((text, index) => {
    const title = heading.exec(text)?.[1]
    return title === undefined ? [] : [{ file, line: index + 1, title }]
  })
}

function blank(text: string): string {
  return ' '.repeat(text.length)
}

function readAnchors(headings: readonly Heading[]): Set<string> {
  const anchors = new Set<string>()
  for (const { title } of headings) anchors.add(unused(toAnchor(title), anchors))
  return anchors
}

function toAnchor(title: string): string {
  const text = title.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
  return text.replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '').replaceAll(' ', '-')
}

function unused(anchor: string, taken: ReadonlySet<string>): string {
  let name = anchor
  for (let count = 1; taken.has(name); count += 1) name = `${anchor}-${count}`
  return name
}
