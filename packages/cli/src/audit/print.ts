import { type StoredRecord, visibleText } from '@onbehalf/audit'

/** One record as one line of ASCII JSON. */
export function printJson(record: StoredRecord): string {
  return JSON.stringify(record).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** One record as one line for people. Nothing in it can move a cursor. */
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
    .map(onOneLine)
    .join('  ')
}

function onOneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it takes away
  const hidden = /[\u0000-\u001f]/g
  const hex = (unit: string): string => unit.charCodeAt(0).toString(16).toUpperCase()
  return visibleText(text).replace(hidden, (unit) => `\\u{${hex(unit)}}`)
}
