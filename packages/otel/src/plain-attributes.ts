import { visibleText } from '@onbehalf/audit'
import type { Attributes } from '@opentelemetry/api'

/** Leaves out what is undefined, and makes visible what a reader of telemetry would not see. */
export function plainAttributes(attributes: Attributes): Attributes {
  const plain: Attributes = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) plain[name] = typeof value === 'string' ? plainText(value) : value
  }
  return plain
}

/** As `visibleText`, line breaks and other C0 controls included: telemetry is not always JSON. */
export function plainText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it takes away
  return visibleText(text).replace(/[\u0000-\u001f]/g, (unit) => {
    return `\\u{${unit.charCodeAt(0).toString(16).toUpperCase()}}`
  })
}
