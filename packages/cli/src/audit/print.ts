import { type StoredRecord, visibleText } from '@onbehalf/audit'

/** One record as one line for people. */
export function printText({ event, seq }: StoredRecord): string {
  const { principal, organization, target, gateway, decision, outcome, durationMs } = event
  const who = principal === undefined ? 'nobody' : `${principal.subject} (${principal.issuer})`
  const words = [
    event.time,
    `#${seq}`,
    event.type,
    `${decision.effect}${decision.reason === undefined ? '' : ` ${decision.reason}`}`,
    who,
    organization === undefined ? '' : `of ${organization.id}`,
    gateway === undefined ? '' : `via ${gateway.client}`,
    event.method,
    target?.name ?? '',
    outcome ?? '',
    durationMs === undefined ? '' : `${durationMs} ms`,
    event.id,
  ]
  return words
    .filter((word) => word !== '')
    .map(visibleText)
    .join('  ')
}
