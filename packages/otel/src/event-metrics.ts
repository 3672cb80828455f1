import type { AuditEvent } from '@onbehalf/audit'
import type { AuditExchange } from '@onbehalf/core'
import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api'
import { errorTypeOf, type Operation, operationAttributes, refusalReasonOf } from './operation.ts'
import { plainAttributes } from './plain-attributes.ts'

// Seconds, as the MCP conventions ask.
const boundaries = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

/** Counts decisions, lost events, and how long calls take. */
export class EventMetrics {
  readonly #duration: Histogram
  readonly #decisions: Counter
  readonly #dropped: Counter
  readonly #exchanges: Counter
  readonly #withOrganization: boolean

  constructor(meter: Meter, withOrganization: boolean) {
    this.#withOrganization = withOrganization
    this.#duration = meter.createHistogram('mcp.server.operation.duration', {
      description: 'Time that guarded calls took, from their arrival to their result or refusal',
      unit: 's',
      advice: { explicitBucketBoundaries: boundaries },
    })
    this.#decisions = meter.createCounter('onbehalf.decisions', {
      description: 'Calls that were allowed or refused',
      unit: '{decision}',
    })
    this.#exchanges = meter.createCounter('onbehalf.exchanges', {
      description: 'Tokens for other APIs that calls obtained, used again, or did not get',
      unit: '{exchange}',
    })
    this.#dropped = meter.createCounter('onbehalf.audit.dropped', {
      description: 'Events that the audit trail says it lost; at most so many',
      unit: '{event}',
    })
  }

  record(event: AuditEvent, told: Operation): void {
    if (event.dropped !== undefined) this.#dropped.add(event.dropped)
    const common = { ...operationAttributes(told), ...this.#organizationOf(event) }
    if (event.exchange !== undefined) this.#countExchange(event.exchange, common)
    else if (event.type === 'result') this.#recordDuration(event, common, event.outcome)
    else this.#countDecision(event, common)
  }

  #recordDuration(event: AuditEvent, common: Attributes, outcome: string | undefined): void {
    const { durationMs = 0, errorCode } = event
    const attributes = {
      'error.type': errorTypeOf(event),
      'rpc.response.status_code': errorCode?.toString(),
      'onbehalf.outcome': outcome,
    }
    this.#duration.record(durationMs / 1000, plainAttributes({ ...common, ...attributes }))
  }

  #countExchange({ api, grant, outcome, reason }: AuditExchange, common: Attributes): void {
    const attributes = {
      'error.type': reason,
      'onbehalf.downstream.api': api,
      'onbehalf.downstream.grant': grant,
      'onbehalf.exchange.outcome': outcome,
    }
    this.#exchanges.add(1, plainAttributes({ ...common, ...attributes }))
  }

  #countDecision(event: AuditEvent, common: Attributes): void {
    const { effect, guard } = event.decision
    const attributes = {
      'error.type': errorTypeOf(event),
      'onbehalf.decision': effect,
      'onbehalf.guard': guard,
      'onbehalf.reason': refusalReasonOf(event),
    }
    // Of a request that nobody read it is not known which operation it asked for.
    if (event.type === 'refusal' && 'mcp.method.name' in common) {
      this.#recordDuration(event, common, 'refused')
    }
    this.#decisions.add(1, plainAttributes({ ...common, ...attributes }))
  }

  #organizationOf({ organization }: AuditEvent): Attributes {
    return this.#withOrganization ? { 'onbehalf.organization.id': organization?.id } : {}
  }
}
