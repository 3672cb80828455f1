import { readdirSync, readFileSync } from 'node:fs'
import { IdentityError, type IdentityErrorCode } from '@onbehalf/core'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const page = read('../../../docs/errors.md')
const codes = unionMembers('../src/errors.ts', 'IdentityErrorCode')
const reasons = unionMembers('../src/guards/guard.ts', 'DenialReason')

describe('docs/errors.md', () => {
  it('has one line for each code of IdentityError, in the order of the source', () => {
    expect(rows('code').map(([code]) => code)).toEqual(codes)
  })

  it('has one line for each reason of a denial, in the order of the source', () => {
    expect(rows('reason').map(([reason]) => reason)).toEqual(reasons)
  })

  it('has one line for each reason in the sources, and no other', () => {
    const listed = rows('rule').map(([reason = '']) => reason)
    const written = writtenReasons()
    expect(listed).toHaveLength(written.size)
    expect(new Set(listed)).toEqual(written)
  })

  it('states the HTTP status and the message that the code has', () => {
    for (const [code, status, message] of rows('code')) {
      const error = new IdentityError(code as IdentityErrorCode, { reason: 'documented' })
      expect([code, status, message]).toEqual([code, String(error.status), error.message])
    }
  })

  it('says for every line what it means and who fixes it', () => {
    for (const row of [...rows('code'), ...rows('reason')]) {
      expect(row.filter((cell) => cell !== '')).toHaveLength(5)
    }
  })
})

const given = /(?:reason: |\b(?:refused|broken|malformed|down)\()'([a-z0-9_]+)'/g
const indirect = /(?:agreeing\(.*, |\? )'(\w+_(?:ambiguous|missing|incomplete))'/g

/** Every reason that a literal in the sources gives, with the prefix that its file puts before it. */
function writtenReasons(): Set<string> {
  const found = new Set(['bad_exp', 'bad_nbf', 'introspection_failed', 'obo_missing'])
  const files = readdirSync(new URL('../src/', import.meta.url), { recursive: true })
  for (const file of files.map(String).filter((name) => name.endsWith('.ts'))) {
    if (/logout|guards/.test(file)) continue
    const text = read(`../src/${file}`)
    const prefix = /reason: `([a-z]+_)\$\{(?:part|error\.reason)\}`/.exec(text)?.[1] ?? ''
    for (const [all, reason = ''] of text.matchAll(given)) {
      found.add(all.startsWith('reason') ? reason : `${prefix}${reason}`)
    }
    for (const [, reason = ''] of text.matchAll(indirect)) found.add(reason)
  }
  return found
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

/** Members of a union of string literals, as the source lists them. */
function unionMembers(file: string, name: string): string[] {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ESNext)
  const alias = source.statements.find((node) => isAlias(node, name))
  if (alias === undefined || !ts.isUnionTypeNode(alias.type)) throw new Error(`no union ${name}`)
  return alias.type.types.map(literalText)
}

function isAlias(node: ts.Statement, name: string): node is ts.TypeAliasDeclaration {
  return ts.isTypeAliasDeclaration(node) && node.name.text === name
}

function literalText(node: ts.TypeNode): string {
  if (!ts.isLiteralTypeNode(node) || !ts.isStringLiteral(node.literal)) {
    throw new Error('a member is not a string literal')
  }
  return node.literal.text
}

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8')
}
