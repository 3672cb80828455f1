import { assertOptions, type OptionNames, toObserver } from '@onbehalf/core/internal'
import type { AuditEvent } from '../event.ts'
import { type AuditSink, type SinkLike, toSink } from './sink.ts'

/** One of several sinks, and whether a call has to wait for it. */
export interface FanOutSink {
  readonly sink: SinkLike
  /**
   * `true`: an event counts as recorded only when this sink has it. `false`: it gets what it can
   * take, and its failures are reported to `onError` alone.
   */
  readonly required: boolean
}

/** Settings of {@link fanOut}. */
export interface FanOutOptions {
  /** Events that an optional sink may be behind; more are not handed to it. Default: 10000. */
  readonly maxPending?: number
  /** Receives why an optional sink lacks an event. */
  readonly onError?: (error: unknown) => void
}

const optionNames: OptionNames<FanOutOptions> = { maxPending: true, onError: true }
const sinkNames: OptionNames<FanOutSink> = { sink: true, required: true }

/**
 * Makes one sink of several. An event is recorded when every required sink has it; the others do
 * not delay it.
 *
 * @throws TypeError when no sink is required: then nothing would ever be known to be recorded
 *
 * @example
 * ```ts
 * import { fanOut, fileSink } from '@onbehalf/audit'
 *
 * const sink = fanOut([
 *   { sink: fileSink({ directory: './audit', signer: null }), required: true },
 *   { sink: async (event) => console.log(event.method), required: false },
 * ])
 * ```
 */
export function fanOut(sinks: readonly FanOutSink[], options: FanOutOptions = {}): AuditSink {
  assertOptions('fanOut', options, optionNames)
  for (const entry of sinks) assertOptions('a sink of fanOut', entry, sinkNames)
  const required = sinks.filter((entry) => entry.required).map(({ sink }) => toSink(sink))
  if (required.length === 0) throw new TypeError('fanOut needs a sink that is required')
  const optional = sinks
    .filter((entry) => !entry.required)
    .map(({ sink }) => new OptionalSink(toSink(sink), options))
  const all = [...required, ...optional]
  return {
    write: async (event) => {
      for (const sink of optional) void sink.write(event)
      await Promise.all(required.map((sink) => sink.write(event)))
    },
    flush: async () => {
      await Promise.all(all.map(async (sink) => sink.flush?.()))
    },
    close: async () => {
      const closed = await Promise.allSettled(all.map((sink) => sink.close()))
      const failed = closed.find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    },
  }
}

/** A sink whose failures are nobody's but the operator's. */
class OptionalSink implements AuditSink {
  readonly #sink: AuditSink
  readonly #maxPending: number
  readonly #onError: (error: unknown) => void
  #pending = 0

  constructor(sink: AuditSink, { maxPending = 10_000, onError }: FanOutOptions) {
    this.#sink = sink
    this.#maxPending = maxPending
    this.#onError = toObserver(onError)
  }

  async write(event: AuditEvent): Promise<void> {
    if (this.#pending >= this.#maxPending) {
      return this.#onError(new Error('too many events wait for an optional sink'))
    }
    this.#pending += 1
    try {
      await this.#sink.write(event)
    } catch (error) {
      this.#onError(error)
    } finally {
      this.#pending -= 1
    }
  }

  async flush(): Promise<void> {
    await this.#sink.flush?.()
  }

  async close(): Promise<void> {
    try {
      await this.#sink.close()
    } catch (error) {
      this.#onError(error)
    }
  }
}
