import { type Column, columns, type Row, rows } from './rows.ts'
import type { Cell } from './run-matrix.ts'
import type { Way } from './ways.ts'

/** The cells of one way. */
export interface Ran {
  readonly way: Way
  readonly cells: readonly Cell[]
}

/** The matrix as a Markdown table: a verdict that is not the same in all ways names those ways. */
export function formatMatrix(ran: readonly Ran[]): string {
  const head = ['request', ...columns]
  const body = rows.map((row) => [
    nameOf(row),
    ...columns.map((column) => verdicts(ran, row, column)),
  ])
  const lines = [head, head.map(() => '---'), ...body]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function nameOf({ method, about }: Row): string {
  return about === undefined ? `\`${method}\`` : `\`${method}\`, ${about}`
}

function verdicts(ran: readonly Ran[], row: Row, column: Column): string {
  const found = new Map<string, string[]>()
  for (const { way, cells } of ran) {
    const cell = cells.find((one) => one.row === row && one.column === column)
    if (cell === undefined) continue
    found.set(cell.verdict, [...(found.get(cell.verdict) ?? []), way.name])
  }
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only[0]
  return [...found].map(([verdict, names]) => `${verdict} (${names.join('; ')})`).join(', ')
}
