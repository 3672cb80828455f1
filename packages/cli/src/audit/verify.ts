import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  type ChainReport,
  type Finding,
  type LogHead,
  type LogReport,
  type Verdict,
  verifyLog,
} from '@onbehalf/audit'
import { type Output, printJson, UsageError } from '../output.ts'

const options = {
  'public-key': { type: 'string', multiple: true },
  head: { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const

const listed = 5

const exitCodes: Readonly<Record<Verdict, number>> = {
  intact: 0,
  signed: 0,
  broken: 1,
  unproven: 3,
}

/** `onbehalf audit verify DIR...`: names the first bad record of each chain, and what is not proven. */
export async function verifyCommand(args: readonly string[], output: Output): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  if (positionals.length === 0) throw new UsageError('name a directory')
  const keys = values['public-key']
  const report = await verifyLog(positionals, {
    ...(keys !== undefined && { publicKeys: keys.map((file) => readFileSync(file, 'utf8')) }),
    heads: (values.head ?? []).flatMap(readHeads),
  })
  const lines = values.json === true ? [printJson(report)] : describe(report)
  for (const line of lines) output.out(line)
  return exitCodes[report.verdict]
}

function describe(report: LogReport): string[] {
  return [...report.chains.flatMap(describeChain), describeVerdict(report)]
}

function describeVerdict(report: LogReport): string {
  const { verdict, records, signaturesChecked } = report
  const signatures = signaturesChecked
    ? 'signatures checked'
    : 'signatures not checked, name a --public-key'
  switch (verdict) {
    case 'intact':
      return `intact: ${records} records, as many as heads kept elsewhere know, ${signatures}`
    case 'signed':
      return `signed: ${records} records, ${signatures}. Only a --head kept elsewhere shows that no newer ones are gone`
    case 'unproven':
      return `NOT PROVEN: ${doubtOf(report)}`
    case 'broken':
      return `NOT INTACT: ${records} records, ${signatures}`
  }
}

function doubtOf({ chains, records, signaturesChecked }: LogReport): string {
  if (chains.length === 0) return 'there is no log here'
  return signaturesChecked
    ? `${records} records hold together, and signed heads do not cover all of them`
    : `${records} records hold together, signatures not checked, name a --public-key`
}

function readHeads(file: string): LogHead[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LogHead)
}

function describeChain(report: ChainReport): string[] {
  const { chain, records, covered, findings, dropped } = report
  return [
    `chain ${chain}: ${records} records, ${covered} of them covered by a head`,
    ...report.findings.map(describeFinding),
    // What the rest of a broken chain would say of open calls is not known.
    ...(findings.some(isBreak) ? [] : describeOpenCalls(report)),
    ...(dropped === 0 ? [] : [`  dropped: ${dropped} events could not be recorded`]),
  ]
}

function isBreak({ kind }: Finding): boolean {
  return kind !== 'torn' && kind !== 'unproven'
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
