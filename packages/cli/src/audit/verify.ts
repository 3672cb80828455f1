import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type ChainReport, type Finding, type LogHead, verifyLog } from '@onbehalf/audit'
import { type Output, UsageError } from '../output.ts'

const options = {
  'public-key': { type: 'string', multiple: true },
  head: { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const

const listed = 5

/** `onbehalf audit verify DIR`: names the first bad record of each chain. */
export async function verifyCommand(args: readonly string[], output: Output): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const [directory, ...more] = positionals
  if (directory === undefined || more.length > 0) throw new UsageError('name one directory')
  const keys = values['public-key']
  const report = await verifyLog(directory, {
    ...(keys !== undefined && { publicKeys: keys.map((file) => readFileSync(file, 'utf8')) }),
    heads: (values.head ?? []).flatMap(readHeads),
  })
  if (values.json === true) {
    output.out(JSON.stringify(report))
    return report.ok ? 0 : 1
  }
  for (const chain of report.chains) for (const line of describe(chain)) output.out(line)
  const signatures = report.signaturesChecked
    ? 'signatures checked'
    : 'signatures not checked, name a --public-key'
  const verdict = report.ok ? 'intact' : 'NOT INTACT'
  output.out(`${verdict}: ${report.records} records, ${signatures}`)
  return report.ok ? 0 : 1
}

function readHeads(file: string): LogHead[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LogHead)
}

function describe(report: ChainReport): string[] {
  const { chain, records, covered, findings, dropped } = report
  return [
    `chain ${chain}: ${records} records, ${covered} of them covered by a head`,
    ...report.findings.map(describeFinding),
    // What the rest of a broken chain would say of open calls is not known.
    ...(findings.every(({ kind }) => kind === 'torn') ? describeOpenCalls(report) : []),
    ...(dropped === 0 ? [] : [`  dropped: ${dropped} events could not be recorded`]),
  ]
}

function describeOpenCalls({ unknownOutcomes, firstUnknownOutcomes }: ChainReport): string[] {
  if (unknownOutcomes === 0) return []
  const shown = firstUnknownOutcomes.slice(0, listed)
  return [
    `  unknown outcome: calls with an intent and no result: ${unknownOutcomes}`,
    ...shown.map(({ id, seq }) => `    record ${seq}, event ${id}`),
    ...(unknownOutcomes > shown.length ? [`    and ${unknownOutcomes - shown.length} more`] : []),
  ]
}

function describeFinding({ kind, file, line, seq, detail }: Finding): string {
  const place = line === undefined ? file : `${file}:${line}`
  const record = seq === undefined ? '' : ` record ${seq}`
  return `  ${kind}:${record} at ${place}: ${detail}`
}
