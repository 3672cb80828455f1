import { readFileSync, writeFileSync } from 'node:fs'
import type { Results } from './results.ts'
import { printTable, toTables } from './tables.ts'

const page = new URL('../../../docs/performance.md', import.meta.url)
const marks = ['<!-- figures: begin -->', '<!-- figures: end -->'] as const

/** Writes the tables of a run into docs/performance.md. */
export function writePage(results: Results): void {
  const text = readFileSync(page, 'utf8')
  const [before = '', rest = ''] = text.split(marks[0])
  const after = rest.split(marks[1])[1] ?? ''
  const tables = toTables(results).map(printTable)
  const body = [describe(results), ...tables].join('\n\n')
  writeFileSync(page, `${before}${marks[0]}\n\n${body}\n\n${marks[1]}${after}`)
}

function describe({ machine, versions, isQuick }: Results): string {
  const on = `${machine['processor']}, ${machine['cores']} cores, Node ${versions['node']}`
  const peers = Object.entries(versions).flatMap(([name, version]) =>
    ['node', 'v8', 'openssl'].includes(name) ? [] : [`${name} ${version}`],
  )
  return `${isQuick ? 'A quick run' : 'A full run'} on ${on}; ${peers.join(', ')}.`
}
