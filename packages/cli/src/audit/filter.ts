import type { AuditEvent } from '@onbehalf/audit'
import { UsageError } from '../output.ts'

/** Options of `parseArgs` that choose events. */
export const filterOptions = {
  user: { type: 'string' },
  issuer: { type: 'string' },
  organization: { type: 'string' },
  tool: { type: 'string' },
  decision: { type: 'string' },
  type: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
} as const

/** Values of {@link filterOptions}. */
export type FilterValues = { readonly [K in keyof typeof filterOptions]?: string | undefined }

/** @throws UsageError for a time or a word that is not understood */
export function createFilter(values: FilterValues): (event: AuditEvent) => boolean {
  oneOf('--decision', values.decision, ['allow', 'deny'])
  oneOf('--type', values.type, ['intent', 'exchange', 'result', 'refusal'])
  const since = toTime('--since', values.since) ?? Number.NEGATIVE_INFINITY
  const until = toTime('--until', values.until) ?? Number.POSITIVE_INFINITY
  const wanted = (value: string | undefined, found: string | undefined): boolean =>
    value === undefined || value === found
  return ({ principal, organization, target, decision, type, time }) =>
    wanted(values.user, principal?.subject) &&
    wanted(values.issuer, principal?.issuer) &&
    wanted(values.organization, organization?.id) &&
    wanted(values.tool, target?.kind === 'tool' ? target.name : undefined) &&
    wanted(values.decision, decision.effect) &&
    wanted(values.type, type) &&
    Date.parse(time) >= since &&
    Date.parse(time) < until
}

function oneOf(name: string, value: string | undefined, known: readonly string[]): void {
  if (value === undefined || known.includes(value)) return
  throw new UsageError(`${name} takes ${known.join(' or ')}`)
}

function toTime(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const time = Date.parse(value)
  if (Number.isNaN(time)) throw new UsageError(`${name} takes a time like 2026-11-23T10:00Z`)
  return time
}
