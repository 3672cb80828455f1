import { isDeepStrictEqual } from 'node:util'
import type { Check, Findings, Status } from './checks.ts'
import type { Difference } from './compare-findings.ts'

/** What was found in one leg. */
export interface Result {
  readonly name: string
  readonly bare: Findings
  readonly guarded: Findings
  readonly differences: readonly Difference[]
}

/** Statuses that say something about the server, and their words. `INFO` is compared, not counted. */
const counted: readonly (readonly [Status, string])[] = [
  ['SUCCESS', 'passed'],
  ['FAILURE', 'failed'],
  ['WARNING', 'warned'],
  ['SKIPPED', 'skipped'],
]

/** One Markdown table a leg. */
export function formatResults(results: readonly Result[]): string {
  return results.map(formatResult).join('\n\n')
}

function formatResult({ name, bare, guarded, differences }: Result): string {
  const differing = new Set(differences.map(({ scenario }) => scenario))
  const scenarios = [...new Set([...Object.keys(bare), ...Object.keys(guarded)])].sort()
  const rows = scenarios.map((scenario) => [
    `\`${scenario}\``,
    countChecks(bare[scenario] ?? []),
    countChecks(guarded[scenario] ?? []),
    differing.has(scenario) ? '**no**' : 'yes',
  ])
  const head = ['scenario', 'bare', 'with Onbehalf', 'equal']
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return [`### ${name}`, '', summarize(bare, differences), '', ...lines].join('\n')
}

function summarize(bare: Findings, differences: readonly Difference[]): string {
  const scenarios = Object.values(bare)
  const passed = scenarios.filter((checks) => checks.every(isGood)).length
  const checks = countChecks(scenarios.flat())
  const of = `${passed} of ${scenarios.length}`
  return `Scenarios that pass: ${of}. Checks: ${checks}. Differences: ${differences.length}.`
}

function isGood({ status }: Check): boolean {
  return status === 'SUCCESS' || status === 'INFO'
}

function countChecks(checks: readonly Check[]): string {
  const counts = counted.flatMap(([status, word]) => {
    const count = checks.filter((check) => check.status === status).length
    return count > 0 ? [`${count} ${word}`] : []
  })
  return counts.length > 0 ? counts.join(', ') : 'none'
}

/** A line that names scenario, check and both outcomes. */
export function formatDifference({ scenario, check, bare, guarded }: Difference): string {
  const [alone, inside] = [outcomeOf(bare), outcomeOf(guarded)]
  if (alone !== inside) return `${scenario} ${check}: bare ${alone}; with Onbehalf ${inside}`
  const { path, one, other } = firstDifference(bare, guarded)
  const where = `${scenario} ${check}: ${alone} both times, and unlike at ${path.join('.')}`
  return `${where}: bare ${show(one)}; with Onbehalf ${show(other)}`
}

function outcomeOf(check: Check | undefined): string {
  if (check === undefined) return 'not made'
  return check.errorMessage === undefined ? check.status : `${check.status} (${check.errorMessage})`
}

interface Place {
  readonly path: readonly string[]
  readonly one: unknown
  readonly other: unknown
}

/** Where two unequal values part: as deep inside them as both have members. */
function firstDifference(one: unknown, other: unknown, path: readonly string[] = []): Place {
  if (!isObject(one) || !isObject(other)) return { path, one, other }
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])]
  const key = keys.find((name) => !isDeepStrictEqual(one[name], other[name]))
  if (key === undefined) return { path, one, other }
  return firstDifference(one[key], other[key], [...path, key])
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

const longest = 300

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, longest)
}
