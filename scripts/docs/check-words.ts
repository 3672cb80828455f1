import { readFileSync } from 'node:fs'
import ts from 'typescript'
import type { Page } from './markdown.ts'
import { filesBelow, filesOf } from './source-files.ts'
import {
  type BannedWord,
  bannedHeadings,
  bannedProse,
  bannedSubjects,
  retiredNames,
} from './words.ts'

/** One line for each place whose wording `words.ts` bans: in pages, code and names of tests. */
export function checkWords(pages: readonly Page[]): string[] {
  return [
    ...pages.flatMap(checkPage),
    ...filesOf('packages', 'src').flatMap(checkSource),
    ...filesOf('examples', 'src').flatMap(checkSource),
    ...filesOf('packages', 'test').filter(isTest).flatMap(checkTest),
    ...filesBelow('test').filter(isTest).flatMap(checkTest),
  ]
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts')
}

function checkPage({ file, prose, headings }: Page): string[] {
  const text = readFileSync(file, 'utf8')
  return [
    ...find(file, prose, bannedProse),
    ...find(file, withoutContrast(prose), [{ pattern: /\bperson\b/, write: 'user' }]),
    ...find(file, text, retiredNames),
    ...headings.flatMap(({ line, title }) =>
      find(file, '\n'.repeat(line - 1) + title, atLine(bannedHeadings)),
    ),
  ]
}

/** A heading is looked at alone, behind the lines before it. */
function atLine(words: readonly BannedWord[]): BannedWord[] {
  return words.map(({ pattern, write }) => ({
    pattern: new RegExp(pattern, `${pattern.flags}m`),
    write,
  }))
}

/** Paragraphs and table rows without those that set a person apart from a machine. */
function withoutContrast(prose: string): string {
  const unit = /^\|.*$|(?:^(?!\||- |\d+\. ).+\n?)+|^(?:- |\d+\. ).*(?:\n {2,}.*)*/gm
  return prose.replaceAll(unit, (text) =>
    /\b(?:machine|service|program)/i.test(text) ? blank(text) : text,
  )
}

function checkSource(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const { comments, strings, names } = partsOf(file, text)
  const inProse = [...bannedProse, ...bannedSubjects]
  return [
    ...find(file, keep(text, [...comments, ...strings]), inProse),
    ...find(file, keep(text, names), [{ pattern: /person/, write: 'user' }]),
    ...find(file, text, retiredNames),
  ]
}

/** Comments and sentences of a test: what a table or a run prints. */
function checkTest(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const { comments, strings } = partsOf(file, text)
  const sentences = strings.filter(([start, end]) => /\S \S+ \S/.test(text.slice(start, end)))
  return find(file, keep(text, [...comments, ...sentences]), bannedProse)
}

type Span = readonly [start: number, end: number]

interface Parts {
  readonly comments: Span[]
  readonly strings: Span[]
  readonly names: Span[]
}

function partsOf(file: string, text: string): Parts {
  const parts: Parts = { comments: [], strings: [], names: [] }
  const visit = (node: ts.Node): void => {
    for (const { pos, end } of ts.getLeadingCommentRanges(text, node.pos) ?? []) {
      parts.comments.push([pos, end])
    }
    const span: Span = [node.getStart(), node.end]
    if (ts.isIdentifier(node)) parts.names.push(span)
    else if (isText(node) && !ts.isImportDeclaration(node.parent)) parts.strings.push(span)
    ts.forEachChild(node, visit)
  }
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  visit(source)
  visit(source.endOfFileToken)
  return parts
}

function isText(node: ts.Node): boolean {
  return (
    ts.isStringLiteralLike(node) ||
    ts.isTemplateHead(node) ||
    ts.isTemplateMiddleOrTemplateTail(node)
  )
}

/** The text with all but these spans blanked; the stars of a comment are blank too. */
function keep(text: string, spans: readonly Span[]): string {
  const kept = new Uint8Array(text.length)
  for (const [start, end] of spans) kept.fill(1, start, end)
  const shown = text.replaceAll(/[^\n]/g, (unit, at: number) => (kept[at] === 1 ? unit : ' '))
  return shown.replaceAll(/^ *(?:\*\/?|\/\*\*?|\/\/)/gm, blank)
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ')
}

function find(file: string, text: string, words: readonly BannedWord[]): string[] {
  return words.flatMap(({ pattern, write }) => {
    const flags = new Set(`${pattern.flags}gi`)
    const global = new RegExp(pattern.source.replaceAll(' ', '\\s+'), [...flags].join(''))
    return [...text.matchAll(global)].map(({ index, 0: found }) => {
      const line = text.slice(0, index).split('\n').length
      return `${file}:${line}: "${found.replaceAll(/\s+/g, ' ')}": write ${write}`
    })
  })
}
