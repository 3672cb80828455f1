import type { AuditEvent } from '@onbehalf/audit'
import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api'
import { errorTypeOf, type Operation, operationAttributes } from './operation.ts'
import { plainAttributes } from './plain-attributes.ts'

// Seconds, as the MCP conventions ask.
const boundaries = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

/** Counts decisions, lost events, and how long calls take. */
export class EventMetrics {
  readonly #duration: Histogram
  readonly #decisions: Counter
  readonly #dropped: Counter
  readonly #withOrganization: boolean

  constructor(meter: Meter, withOrganization: boolean) {
    this.#withOrganization = withOrganization
    this.#duration = meter.createHistogram('mcp.server.operation.duration', {
      description: 'Time that guarded calls took, from the decision to their result',
      unit: 's',
      advice: { explicitBucketBoundaries: boundaries },
    })
    this.#decisions = meter.createCounter('onbehalf.decisions', {
      description: 'Calls that were allowed or refused',
      unit: '{decision}',
    })
    this.#dropped = meter.createCounter('onbehalf.audit.dropped', {
      description: 'Events that the audit trail says it lost; at most so many',
      unit: '{event}',
    })
  }

  record(event: AuditEvent, told: Operation): void {
    if (event.dropped !== undefined) this.#dropped.add(event.dropped)
    const common = { ...operationAttributes(told), ...this.#organizationOf(event) }
    if (event.type === 'result') this.#recordResult(event, common)
    else this.#countDecision(event, common)
  }

  #recordResult(event: AuditEvent, common: Attributes): void {
    const { durationMs = 0, outcome } = event
    const attributes = { 'error.type': errorTypeOf(event), 'onbehalf.outcome': outcome }
    this.#duration.record(durationMs / 1000, plainAttributes({ ...common, ...attributes }))
  }

  #countDecision(event: AuditEvent, common: Attributes): void {
    const { effect, guard } = event.decision
    const attributes = {
      'error.type': errorTypeOf(event),
      'onbehalf.decision': effect,
      'onbehalf.guard': guard,
    }
    this.#decisions.add(1, plainAttributes({ ...common, ...attributes }))
  }

  #organizationOf({ organization }: AuditEvent): Attributes {
    return this.#withOrganization ? { 'onbehalf.organization.id': organization?.id } : {}
  }
}
