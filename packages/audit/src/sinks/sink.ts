import type { AuditEvent } from '../event.ts'

/** Where events are kept. */
export interface AuditSink {
  /**
   * Takes one event. Resolves when the event is as safe as this sink makes it, and rejects when it
   * is not kept. Must bound what it holds in memory: reject rather than queue without end.
   */
  write(event: AuditEvent): Promise<void>
  /** Resolves when everything taken so far is safe. */
  flush?(): Promise<void>
  /** Finishes what was taken, then releases files and connections. */
  close(): Promise<void>
}

/** A sink, or a function that keeps one event. */
export type SinkLike = AuditSink | AuditSink['write']

/** Makes a sink of a function; flushing and closing it do nothing. */
export function toSink(sink: SinkLike): AuditSink {
  if (typeof sink === 'function') return { write: sink, close: () => Promise.resolve() }
  if (typeof sink?.write === 'function' && typeof sink.close === 'function') return sink
  throw new TypeError('sink must be a function or have write and close')
}
