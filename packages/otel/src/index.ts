export { otelSink } from './otel-sink.ts'
export type { OtelSinkOptions } from './sink-settings.ts'
