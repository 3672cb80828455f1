import type { AuditEvent, AuditTrace } from '@onbehalf/audit'
import {
  type Attributes,
  type Context,
  context,
  type HrTime,
  isSpanContextValid,
  type Link,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { NameUser } from './name-user.ts'
import {
  errorTextOf,
  errorTypeOf,
  type Operation,
  operationAttributes,
  refusalReasonOf,
  spanNameOf,
} from './operation.ts'
import { plainAttributes, plainText } from './plain-attributes.ts'

/**
 * Makes one span of a result, a refusal or an exchange; it ends when the event was made. Below `call`,
 * the span of the call that it belongs to, if there is one.
 */
export function recordSpan(
  { tracer, nameUser }: { readonly tracer: Tracer; readonly nameUser: NameUser },
  event: AuditEvent,
  told: Operation,
  call?: SpanContext,
): SpanContext {
  const end = Date.parse(event.time)
  const { parent, links } = call === undefined ? placeOf(event.trace) : placeBelow(call)
  const { exchange } = event
  const errorType = exchange ? exchange.reason : errorTypeOf(event)
  const span = tracer.startSpan(
    plainText(exchange ? `exchange ${exchange.api}` : spanNameOf(told)),
    {
      kind: exchange ? SpanKind.CLIENT : SpanKind.SERVER,
      startTime: toHrTime(end - (event.durationMs ?? 0)),
      attributes: plainAttributes({
        ...operationAttributes(event),
        ...identityAttributes(event, nameUser),
        ...decisionAttributes(event),
        ...exchangeAttributes(event),
        'error.type': errorType,
        'rpc.response.status_code': event.errorCode?.toString(),
      }),
      links,
    },
    parent,
  )
  if (errorType !== undefined) span.setStatus(failure(exchange ? undefined : errorTextOf(event)))
  span.end(toHrTime(end))
  return span.spanContext()
}

function placeBelow(call: SpanContext): { parent: Context; links: Link[] } {
  return { parent: trace.setSpanContext(context.active(), call), links: [] }
}

function failure(message: string | undefined): SpanStatus {
  return { code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) }
}

function identityAttributes(event: AuditEvent, nameUser: NameUser): Attributes {
  const { principal, organization, client, resource, gateway, source } = event
  return {
    ...(principal?.kind === 'user' && nameUser(principal)),
    'onbehalf.principal.kind': principal?.kind,
    'onbehalf.principal.issuer': principal?.issuer,
    'onbehalf.organization.id': organization?.id,
    'onbehalf.client': client,
    'onbehalf.resource': resource?.id,
    'onbehalf.gateway': gateway?.client,
    'onbehalf.source': source,
  }
}

function decisionAttributes(event: AuditEvent): Attributes {
  const { id, decision, outcome } = event
  return {
    'onbehalf.decision': decision.effect,
    'onbehalf.guard': decision.guard,
    'onbehalf.reason': refusalReasonOf(event),
    'onbehalf.code': decision.code,
    'onbehalf.outcome': outcome,
    'onbehalf.event.id': id,
  }
}

function exchangeAttributes({ exchange, intent }: AuditEvent): Attributes {
  if (exchange === undefined) return {}
  return {
    'onbehalf.downstream.api': exchange.api,
    'onbehalf.downstream.grant': exchange.grant,
    'onbehalf.exchange.outcome': exchange.outcome,
    'onbehalf.intent.id': intent,
  }
}

/**
 * The conventions make the MCP client's span the parent, whatever carried the message, and link the
 * span of that. Without a `traceparent`, that span is the parent.
 */
function placeOf(caller: AuditTrace | undefined): { parent: Context; links: Link[] } {
  const ambient = context.active()
  if (caller === undefined) return { parent: ambient, links: [] }
  const here = trace.getSpanContext(ambient)
  const parent = trace.setSpanContext(ambient, {
    traceId: caller.id,
    spanId: caller.parent,
    traceFlags: caller.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  })
  return { parent, links: here && isSpanContextValid(here) ? [{ context: here }] : [] }
}

// Seconds and nanoseconds: a plain number would lose what is below a millisecond, and a small one
// is taken for a time since the process started.
function toHrTime(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1000)
  return [seconds, Math.floor((milliseconds - seconds * 1000) * 1e6)]
}
