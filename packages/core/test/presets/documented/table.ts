import { platformRows } from './platforms.ts'
import { proxyRows } from './proxies.ts'
import type { Row } from './row.ts'
import { signInRows } from './sign-in.ts'

export const rows: readonly Row[] = [...signInRows, ...platformRows, ...proxyRows]

const marks = [
  '<!-- presets: written by scripts/write-presets.ts -->',
  '<!-- /presets -->',
] as const

/** The page with the table of these presets in its place. */
export function withTable(page: string): string {
  const [before = '', rest = ''] = page.split(marks[0])
  const after = rest.split(marks[1])[1]
  if (after === undefined) throw new Error('the page has no place for the table of presets')
  return `${before}${marks[0]}\n\n${toTable()}\n\n${marks[1]}${after}`
}

function toTable(): string {
  return [
    '| preset | header | algorithm | organization | a user | a service |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map(toLine),
  ].join('\n')
}

function toLine({ preset, page, header, algorithm = 'RS256', says }: Row): string {
  const cells = [`[\`${preset}\`](${page})`, `\`${header ?? 'authorization'}\``, algorithm, ...says]
  return `| ${cells.join(' | ')} |`
}
