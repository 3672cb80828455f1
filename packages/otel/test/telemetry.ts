import { type AuditEvent, type AuditTrailOptions, createAuditTrail } from '@onbehalf/audit'
import { createIdentity, type Identity, type IdentityParts } from '@onbehalf/core'
import { type OtelSinkOptions, otelSink } from '@onbehalf/otel'
import type { Attributes } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'

export const pseudonymKey: Uint8Array = Buffer.alloc(32, 9)

/** One point of a metric: a sum, or a histogram's count and sum. */
interface Point {
  readonly attributes: Attributes
  readonly value: unknown
}

/** A sink that exports to memory, and what it exported. */
export interface Telemetry {
  readonly sink: ReturnType<typeof otelSink>
  readonly spans: () => ReadableSpan[]
  readonly points: (metric: string) => Promise<Point[]>
  /** All that left the process, as text. */
  readonly text: () => Promise<string>
}

export function telemetry(
  options: Partial<OtelSinkOptions> & { readonly sampler?: Sampler } = {},
): Telemetry {
  const { sampler, ...sinkOptions } = options
  const spans = new InMemorySpanExporter()
  const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(spans)],
    ...(sampler && { sampler }),
  })
  const reader = new PeriodicExportingMetricReader({ exporter: metrics })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const exported = async (): Promise<ReturnType<typeof metrics.getMetrics>> => {
    await reader.forceFlush()
    return metrics.getMetrics().slice(-1)
  }
  return {
    sink: otelSink({
      identity: { pseudonymKey },
      tracerProvider,
      meterProvider,
      ...sinkOptions,
    }),
    spans: () => spans.getFinishedSpans(),
    points: async (metric) =>
      (await exported())
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
        .filter(({ descriptor }) => descriptor.name === metric)
        .flatMap(({ dataPoints }): readonly Point[] => dataPoints)
        .map(({ attributes, value }) => ({ attributes, value })),
    text: async () => JSON.stringify([spans.getFinishedSpans().map(asExported), await exported()]),
  }
}

/** What an exporter reads of a span; a span itself leads to its provider and back. */
function asExported(span: ReadableSpan): object {
  return {
    name: span.name,
    context: span.spanContext(),
    parent: span.parentSpanContext,
    attributes: span.attributes,
    links: span.links,
    events: span.events,
    status: span.status,
    resource: span.resource.attributes,
    scope: span.instrumentationScope,
  }
}

/** A trail whose only sink is telemetry, on a clock of its own. */
export function trailTo(
  { sink }: Telemetry,
  options: Partial<AuditTrailOptions> = {},
): ReturnType<typeof createAuditTrail> {
  return createAuditTrail({
    sink,
    mode: 'strict',
    key: Buffer.alloc(32, 7),
    clock: () => 1_800_000_000.25,
    ...options,
  })
}

const acme = { id: 'acme', name: 'Acme Ltd', roles: ['controller'] }

/** Ada of Acme, behind a gateway. */
export function ada(parts: Partial<IdentityParts> = {}): Identity<unknown> {
  return createIdentity({
    kind: 'user',
    issuer: 'https://people.example.com',
    subject: 'ada@acme.example',
    organization: acme,
    organizations: [acme],
    actor: { subject: 'agent-1' },
    client: 'agents',
    gateway: { issuer: 'https://gateway.example.com', client: 'gateway-client' },
    scopes: [],
    roles: [],
    source: 'forwarded',
    expiresAt: 4_000_000_000,
    tokenId: 'token-1',
    claims: {},
    ...parts,
  })
}

/** A result as a trail writes it. */
export function resultOf(parts: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id: '0b0e6d5c-6d5e-4d0e-9d2f-7d0b8f6a3c11',
    time: '2027-01-15T08:00:00.250Z',
    type: 'result',
    intent: '377e3cba-505c-477d-b6b7-1b0d4a7adcdf',
    method: 'tools/call',
    target: { kind: 'tool', name: 'list_invoices' },
    decision: { effect: 'allow', guard: 'organization' },
    outcome: 'ok',
    durationMs: 12.345,
    ...parts,
  }
}
