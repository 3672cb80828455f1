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
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { NameUser } from './name-user.ts'
import { errorTypeOf, type Operation, operationAttributes, spanNameOf } from './operation.ts'
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
      }),
      links,
    },
    parent,
  )
  if (errorType !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(toHrTime(end))
  return span.spanContext()
}

function placeBelow(call: SpanContext): { parent: Context; links: Link[] } {
  return { parent: trace.setSpanContext(context.active(), call), links: [] }
}

function identityAttributes(event: AuditEvent, nameUser: NameUser): Attributes {
  const { principal, organization, client, gateway, source } = event
  return {
    ...(principal?.kind === 'user' && nameUser(principal)),
    'onbehalf.principal.kind': principal?.kind,
    'onbehalf.principal.issuer': principal?.issuer,
    'onbehalf.organization.id': organization?.id,
    'onbehalf.client': client,
    'onbehalf.gateway': gateway?.client,
    'onbehalf.source': source,
  }
}

function decisionAttributes({ id, decision, outcome }: AuditEvent): Attributes {
  return {
    'onbehalf.decision': decision.effect,
    'onbehalf.guard': decision.guard,
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
