import { type AuditEvent, type AuditTrailOptions, createAuditTrail } from '@onbehalf/audit'
import type { AuditTrail } from '@onbehalf/core'

export interface ListedTrail {
  readonly trail: AuditTrail
  readonly events: AuditEvent[]
}

/** A strict trail that keeps its events in an array, but for those that cannot be recorded. */
export function listTrail(
  isLost: (event: AuditEvent) => boolean = () => false,
  options: Partial<AuditTrailOptions> = {},
): ListedTrail {
  const events: AuditEvent[] = []
  const sink = async (event: AuditEvent): Promise<void> => {
    if (isLost(event)) throw new Error('disk full')
    events.push(event)
  }
  const trail = createAuditTrail({ sink, mode: 'strict', key: Buffer.alloc(32, 7), ...options })
  return { trail, events }
}
