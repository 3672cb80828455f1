import { randomUUID } from 'node:crypto'
import type { AuditEvent } from '@onbehalf/audit'

/** An event of the given number. */
export function eventOf(number: number, type: AuditEvent['type'] = 'refusal'): AuditEvent {
  return {
    id: randomUUID(),
    time: new Date(1_800_000_000_000 + number).toISOString(),
    type,
    method: 'tools/call',
    target: { kind: 'tool', name: `tool-${number}` },
    decision: { effect: type === 'refusal' ? 'deny' : 'allow' },
  }
}
