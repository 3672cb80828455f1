import type { AuditEvent, AuditSink } from '@onbehalf/audit'
import { diag } from '@opentelemetry/api'
import { EventMetrics } from './event-metrics.ts'
import { RunningExchanges } from './exchanges.ts'
import { KnownNames } from './known-names.ts'
import type { Operation } from './operation.ts'
import { recordSpan } from './record-span.ts'
import { type OtelSinkOptions, sinkSettings } from './sink-settings.ts'

/**
 * Makes spans and metrics of audit events, by the semantic conventions for MCP. A result becomes a
 * span that covers its call, a refusal a span without duration that failed; an intent is counted,
 * and becomes a span with its result alone. A token that a call obtained for another API is a span
 * below that of the call.
 *
 * This is telemetry, not audit: it is sampled, and queues drop what they cannot take. Put it beside
 * a sink that keeps events, and do not require it. `write` never rejects and never waits; what goes
 * wrong is reported to the `diag` logger of OpenTelemetry. Nothing of arguments, results or credentials
 * gets into telemetry. It neither sets up nor shuts down an OpenTelemetry SDK: that stays yours.
 *
 * @throws TypeError for options that are wrong
 *
 * @example
 * ```ts
 * import { fanOut, fileSink } from '@onbehalf/audit'
 * import { otelSink } from '@onbehalf/otel'
 *
 * const pseudonymKey = Buffer.from(process.env['PSEUDONYM_KEY'] ?? '', 'base64')
 * const sink = fanOut([
 *   { sink: fileSink({ directory: './audit', signer: null }), required: true },
 *   { sink: otelSink({ identity: { pseudonymKey } }), required: false },
 * ])
 * ```
 */
export function otelSink(options: OtelSinkOptions): AuditSink {
  const { tracer, meter, nameUser, organizationInMetrics } = sinkSettings(options)
  const names = new KnownNames()
  const metrics = new EventMetrics(meter, organizationInMetrics)
  const running = new RunningExchanges()
  const tracing = { tracer, nameUser }
  const makeSpans = (event: AuditEvent, told: Operation): void => {
    if (event.type === 'exchange') {
      for (const lost of running.add({ event, told })) recordSpan(tracing, lost.event, lost.told)
    } else if (event.type !== 'intent') {
      const call = recordSpan(tracing, event, told)
      for (const below of running.take(event.intent)) {
        recordSpan(tracing, below.event, below.told, call)
      }
    }
  }
  return {
    write: (event) => {
      try {
        const told = names.tell(event)
        metrics.record(event, told)
        makeSpans(event, told)
      } catch (error) {
        diag.error('@onbehalf/otel: an event became no telemetry', error)
      }
      return Promise.resolve()
    },
    close: () => Promise.resolve(),
  }
}
