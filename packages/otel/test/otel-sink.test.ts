import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuditTrail, fanOut, fileSink, readLog } from '@onbehalf/audit'
import { otelSink } from '@onbehalf/otel'
import { context, DiagLogLevel, diag, metrics, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterEach, describe, expect, it } from 'vitest'
import { ada, pseudonymKey, resultOf, telemetry } from './telemetry.ts'

const directory = mkdtempSync(join(tmpdir(), 'onbehalf-otel-'))
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const key = Buffer.alloc(32, 7)
const call = { method: 'tools/call', target: { kind: 'tool', name: 'pay' } } as const

describe('a trail that keeps a log and tells OpenTelemetry', () => {
  afterEach(() => context.disable())

  const around = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
  }

  it('puts each span below that of the request, and names the record that says more', async () => {
    const told = telemetry()
    const trail = createAuditTrail({
      mode: 'strict',
      key,
      sink: fanOut([
        { sink: fileSink({ directory, signer: null }), required: true },
        { sink: told.sink, required: false },
      ]),
    })
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    await context.with(trace.setSpanContext(ROOT_CONTEXT, around), async () => {
      const intent = await trail.intent({ ...call, identity: ada(), arguments: { amount: 1 } })
      await intent.result({ outcome: 'tool_error' })
      await trail.refusal({ ...call, identity: ada(), reason: 'org_mismatch' })
    })
    await trail.close()
    const kept: unknown[] = []
    for await (const { event } of readLog(directory)) {
      if (event.type !== 'intent') kept.push([event.id, event.decision.effect])
    }
    const names = ['onbehalf.event.id', 'onbehalf.decision']
    expect(kept).toHaveLength(2)
    expect(told.spans().map(({ attributes }) => names.map((name) => attributes[name]))).toEqual(
      kept,
    )
    for (const span of told.spans()) expect(span.parentSpanContext).toMatchObject(around)
    expect(await told.points('onbehalf.decisions')).toHaveLength(2)
  })
})

describe('otelSink', () => {
  afterEach(() => {
    trace.disable()
    metrics.disable()
    diag.disable()
  })

  it('takes the global providers, and leaves them running when it is closed', async () => {
    const spans = new InMemorySpanExporter()
    const points = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter: points })
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
    const sink = otelSink({ identity: { pseudonymKey } })
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }),
    )
    await sink.write(resultOf())
    await sink.close()
    await sink.write(resultOf())
    await reader.forceFlush()
    expect(spans.getFinishedSpans()).toHaveLength(2)
    expect(spans.getFinishedSpans()[0]?.instrumentationScope.name).toBe('@onbehalf/otel')
    expect(points.getMetrics()[0]?.scopeMetrics[0]?.metrics[0]?.dataPoints[0]).toMatchObject({
      value: { count: 2 },
    })
  })

  it('is silent without an SDK', async () => {
    const sink = otelSink({ identity: { pseudonymKey } })
    await expect(sink.write(resultOf())).resolves.toBeUndefined()
  })

  it('tells its trouble to the diag logger, and no call', async () => {
    const heard: unknown[] = []
    const ignore = (): void => undefined
    const error = (...args: unknown[]): void => void heard.push(args)
    diag.setLogger(
      { error, warn: ignore, info: ignore, debug: ignore, verbose: ignore },
      { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
    )
    const trouble = new Error('the exporter is broken')
    const onEnd = (): void => {
      throw trouble
    }
    const done = (): Promise<void> => Promise.resolve()
    const broken = { onStart: ignore, onEnd, forceFlush: done, shutdown: done }
    const told = telemetry({
      tracerProvider: new BasicTracerProvider({ spanProcessors: [broken] }),
    })
    const trail = createAuditTrail({ mode: 'strict', key, sink: told.sink })
    await trail.refusal({ ...call, reason: 'org_mismatch' })
    expect(heard).toEqual([['@onbehalf/otel: an event became no telemetry', trouble]])
    expect(await told.points('onbehalf.decisions')).toHaveLength(1)
  })
})
