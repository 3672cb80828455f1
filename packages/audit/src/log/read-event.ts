import type { AuditEvent } from '../event.ts'

/** What a verifier needs of an event. */
export interface EventMark {
  readonly type: string
  readonly id: string
  /** Of a result: the intent that it ends. */
  readonly intent: string | undefined
  readonly dropped: number
}

// Only recorded values can hold members of any name, and only few events report lost ones.
const needsParsing = /"value":|"dropped":/
const types = /"type":"(intent|exchange|result|refusal)"\}$/

/**
 * Reads id and type out of the text of an event, which is in canonical form: then the type comes
 * last, and the first `id` is the event's own. Inside strings quotes are escaped, so that a name
 * with its quotes is a name.
 */
export function readMark(text: string): EventMark | undefined {
  if (needsParsing.test(text)) return parseMark(text)
  const type = types.exec(text.slice(-18))?.[1]
  const id = textAfter(text, '"id":"')
  if (type === undefined || id === undefined) return parseMark(text)
  const intent = type === 'result' ? textAfter(text, '"intent":"') : undefined
  return { type, id, intent, dropped: 0 }
}

function textAfter(text: string, name: string): string | undefined {
  const at = text.indexOf(name)
  if (at < 0) return undefined
  const start = at + name.length
  return text.slice(start, text.indexOf('"', start))
}

function parseMark(text: string): EventMark | undefined {
  try {
    const { type, id, intent, dropped = 0 } = JSON.parse(text) as AuditEvent
    const isMark = typeof type === 'string' && typeof id === 'string' && typeof dropped === 'number'
    return isMark ? { type, id, intent, dropped } : undefined
  } catch {
    return undefined
  }
}
