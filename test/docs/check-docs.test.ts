import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { checkLinks } from '../../scripts/docs/check-links.ts'
import { compilePrograms } from '../../scripts/docs/compile-programs.ts'
import { composePrograms } from '../../scripts/docs/compose-programs.ts'
import { type Page, readPage } from '../../scripts/docs/markdown.ts'

const folder = mkdtempSync(join(tmpdir(), 'onbehalf-docs-'))
afterAll(() => rmSync(folder, { recursive: true }))

function page(name: string, ...lines: string[]): Page {
  const file = join(folder, name)
  writeFileSync(file, lines.join('\n'))
  return readPage(file)
}

function fenced(...lines: string[]): string[] {
  return ['```ts', ...lines, '```']
}

/** Complaints without the folder that the pages are in. */
function short(complaints: readonly string[]): string[] {
  return complaints.map((complaint) => complaint.replaceAll(`${folder}/`, '').split('\n')[0] ?? '')
}

describe('checkLinks', () => {
  const other = page('other.md', '# Two `words`', '## Same', '## Same')

  it('follows links to pages, headings and headings of the same name', () => {
    const links = page(
      'good.md',
      '# Here',
      '[a](other.md) [b](other.md#two-words) [c](#here) [d](other.md#same-1)',
    )
    expect(checkLinks([links, other])).toEqual([])
  })

  it('names a page and a heading that do not exist, with their line', () => {
    const links = page('bad.md', '# Here', '', '[a](nowhere.md) [b](other.md#three) [c](#there)')
    expect(short(checkLinks([links, other]))).toEqual([
      'bad.md:3: nowhere.md does not exist',
      'bad.md:3: other.md#three: there is no such heading',
      'bad.md:3: #there: there is no such heading',
    ])
  })

  it('does not take code for links, nor ask external addresses', () => {
    const links = page('code.md', '`[a](b.md)` [c](https://example.com)', '```', '[d](e.md)', '```')
    expect(checkLinks([links])).toEqual([])
  })
})

describe('compilePrograms', () => {
  // One program after the other, compiled in one go: the compiler is what takes the time.
  const pages = {
    continued: page(
      'continued.md',
      ...fenced('const a: number = 1'),
      ...fenced("const b: string = 'x'.repeat(a)"),
      ...fenced("const a = 'text'", 'a.trim() + b'),
    ),
    exported: page(
      'exported.md',
      ...fenced('export const a = 1', 'export default { a }'),
      ...fenced('export default (b: number) => a + b'),
    ),
    elsewhere: page(
      'elsewhere.md',
      ...fenced("import { identityOf } from '@onbehalf/express'", 'identityOf(request)'),
      ...fenced("import { identityOf } from '@onbehalf/mcp'", 'identityOf(request)'),
    ),
    wrong: page(
      'wrong.md',
      ...fenced("import { direct } from '@onbehalf/core'", 'direct({ issuer: people })'),
      ...fenced('direct({ issuers: people })', 'unheardOf()'),
    ),
    unused: page('unused.md', ...fenced("import { direct } from '@onbehalf/core'")),
  }
  const programs = Object.values(pages).flatMap(({ blocks }) => composePrograms(blocks))
  const complaints = short(compilePrograms(programs))

  function complaintsOf({ file }: Page): string[] {
    return complaints.filter((complaint) => complaint.startsWith(`${basename(file)}:`))
  }

  it('lets a block use what the blocks above declare, and declare it again', () => {
    expect(complaintsOf(pages.continued)).toEqual([])
  })

  it('lets each block export what it shows', () => {
    expect(complaintsOf(pages.exported)).toEqual([])
  })

  it('begins a new program where a name is imported from elsewhere', () => {
    expect(complaintsOf(pages.elsewhere)).toEqual([])
  })

  it('points at the line of the page where a block is wrong', () => {
    expect(complaintsOf(pages.wrong)).toEqual([
      expect.stringMatching(/^wrong\.md:6: TS2561 /),
      "wrong.md:7: TS2304 Cannot find name 'unheardOf'.",
    ])
  })

  it('refuses an import that the page never uses', () => {
    expect(complaintsOf(pages.unused)).toEqual([
      "unused.md:2: TS6133 'direct' is declared but its value is never read.",
    ])
  })

  it('complains of nothing else', () => {
    expect(complaints).toHaveLength(3)
  })
})
