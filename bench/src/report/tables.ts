import type { Measured } from '../turns.ts'
import type { Results } from './results.ts'

/** A comparison: of each row, its ratio to the first one. */
export interface Table {
  readonly title: string
  readonly rows: readonly Measured[]
}

export function toTables({ tokens, calls }: Results): readonly Table[] {
  const ofTokens = tokens.flatMap(({ algorithm, tokenBytes, ...figures }) => [
    { title: `${algorithm}, a new token of ${tokenBytes} bytes`, rows: figures.new },
    { title: `${algorithm}, a known token of ${tokenBytes} bytes`, rows: figures.known },
  ])
  const ofCalls = calls.map(({ generation, calls: rows }) => ({
    title: `tools/call over HTTP, SDK ${generation}`,
    rows,
  }))
  return [...ofTokens, ...ofCalls]
}

/** As Markdown. */
export function printTable({ title, rows }: Table): string {
  const first = rows[0]?.cpuMicroseconds ?? Number.NaN
  const lines = rows.map(({ subject, cpuMicroseconds, operationsPerSecond, range }) => {
    const spread = range.map((value) => value.toFixed(1)).join(' to ')
    const ratio = (cpuMicroseconds / first).toFixed(2)
    const rate = Math.round(operationsPerSecond).toLocaleString('en-US')
    return `| ${subject} | ${cpuMicroseconds.toFixed(1)} | ${ratio} | ${spread} | ${rate} |`
  })
  const head = `| ${title} | µs | ratio | lowest to highest | per second |\n|---|---|---|---|---|`
  return [head, ...lines].join('\n')
}
