import { readdirSync, readFileSync } from 'node:fs'
import { IdentityError, type IdentityErrorCode } from '@onbehalf/core'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const page = read('../../../docs/errors.md')
const codes = unionMembers('../src/errors.ts', 'IdentityErrorCode')
const reasons = unionMembers('../src/guards/guard.ts', 'DenialReason')
const refusals = unionMembers('../src/reasons.ts', 'RefusalReason')

describe('docs/errors.md', () => {
  it('has one line for each code of IdentityError, in the order of the source', () => {
    expect(rows('code').map(([code]) => code)).toEqual(codes)
  })

  it('has one line for each reason of a denial, in the order of the source', () => {
    expect(rows('reason').map(([reason]) => reason)).toEqual(reasons)
  })

  it('has one line for each reason of a refusal, in the order of the source', () => {
    const families =
      /^(?:introspection_(?!busy|malformed|failed)|dpop_(?:malformed|bad)_|own_)|^dpop_(?:expired|not_yet_valid)$/
    const listed = refusals.filter((reason) => !families.test(reason))
    expect(rows('rule').map(([reason]) => reason)).toEqual(listed)
  })

  it('lists no reason that nothing gives', () => {
    const given = new Set(writtenReasons())
    const unused = rows('rule').filter(([reason = '']) => !given.has(reason))
    expect(unused).toEqual([])
  })

  it.each([
    ['stop', '../../aws/src/interceptor/refusal.ts', 'table'],
    ['failure', '../../aws/src/trigger/refusal.ts', 'messages'],
  ])('has one line for each %s of @onbehalf/aws', (column, file, table) => {
    expect(rows(column).map(([reason]) => reason)).toEqual(membersOf(file, table))
  })

  it('states the HTTP status and the message that the code has', () => {
    for (const [code, status, message] of rows('code')) {
      const error = new IdentityError(code as IdentityErrorCode, { reason: 'own_rule' })
      expect([code, status, message]).toEqual([code, String(error.status), error.message])
    }
  })

  it('says for every line what it means and who fixes it', () => {
    for (const row of [...rows('code'), ...rows('reason')]) {
      expect(row.filter((cell) => cell !== '')).toHaveLength(5)
    }
  })
})

const packages = ['core', 'mcp', 'limits', 'audit', 'aws', 'testing']
const literal = /'([a-z][a-z0-9_]*)'/g
const prefix = /`((?:malformed|certificate|dpop|bad|introspection)_)\$\{/

/** Every text in the sources that may be a reason, with the prefix that its file puts before it. */
function writtenReasons(): readonly string[] {
  return packages.flatMap((name) => {
    const source = new URL(`../../${name}/src/`, import.meta.url)
    const files = readdirSync(source, { recursive: true }).map(String)
    return files
      .filter((file) => file.endsWith('.ts') && file !== 'reasons.ts')
      .flatMap((file) => reasonsIn(readFileSync(new URL(file, source), 'utf8')))
  })
}

function reasonsIn(text: string): readonly string[] {
  const before = prefix.exec(text)?.[1]
  const words = [...text.matchAll(literal)].map(([, word = '']) => word)
  return [...words, ...(before === undefined ? [] : words.map((word) => `${before}${word}`))]
}

/** Cells of the table whose first column has this title. */
function rows(title: string): string[][] {
  const lines = page.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${title} `))
  const end = lines.findIndex((line, n) => n > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map(cells)
}

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'))
}

/** Members of a union of texts, as the source lists them; those of a family with its prefix. */
function unionMembers(file: string, name: string): string[] {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ESNext)
  const aliases = new Map(
    source.statements.filter(ts.isTypeAliasDeclaration).map((it) => [it.name.text, it.type]),
  )
  const expand = (node: ts.TypeNode | undefined): string[] => {
    if (node === undefined) throw new Error(`no union ${name}`)
    if (ts.isUnionTypeNode(node)) return node.types.flatMap(expand)
    if (ts.isTypeReferenceNode(node)) return expand(aliases.get(node.getText(source)))
    if (ts.isTemplateLiteralTypeNode(node)) {
      const [span] = node.templateSpans
      return expand(span?.type).map((text) => `${node.head.text}${text}`)
    }
    const isText = ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)
    return [isText ? (node.literal as ts.StringLiteral).text : '']
  }
  return expand(aliases.get(name))
}

/** Names in an object that a constant of the source holds. */
function membersOf(file: string, name: string): string[] {
  const [, body = ''] =
    new RegExp(`const ${name} = \\{\\n([\\s\\S]*?)\\n\\}`).exec(read(file)) ?? []
  return [...body.matchAll(/^ {2}(\w+):/gm)].map(([, member = '']) => member)
}

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8')
}
