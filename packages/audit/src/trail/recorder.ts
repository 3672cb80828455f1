import { IdentityError } from '@onbehalf/core'
import type { AuditEvent } from '../event.ts'
import { type AuditSink, toSink } from '../sinks/sink.ts'
import { TooLate, within } from '../within.ts'
import type { AuditTrailOptions } from './trail-types.ts'

/** Hands events to the sink, within bounds, and counts those that were lost. */
export class Recorder {
  readonly #sink: AuditSink
  readonly #strict: boolean
  readonly #maxPending: number
  readonly #timeoutSeconds: number
  readonly #onError: (error: unknown) => void
  readonly #pending = new Set<Promise<void>>()
  #dropped = 0
  #closing: Promise<void> | undefined

  constructor(options: AuditTrailOptions) {
    const { sink, mode, maxPending = 10_000, timeoutSeconds = 5, onError } = options
    if (mode !== 'strict' && mode !== 'best-effort') {
      throw new TypeError('mode must be strict or best-effort')
    }
    if (!(maxPending > 0)) throw new TypeError('maxPending must be positive')
    if (!(timeoutSeconds > 0)) throw new TypeError('timeoutSeconds must be positive')
    this.#sink = toSink(sink)
    this.#strict = mode === 'strict'
    this.#maxPending = maxPending
    this.#timeoutSeconds = timeoutSeconds
    this.#onError = onError ?? (() => undefined)
  }

  /** @throws IdentityError `AUDIT` in strict mode */
  record(event: AuditEvent): Promise<void> {
    return this.#wait(this.#write(event))
  }

  /**
   * Counts an event that could not even be made.
   *
   * @throws IdentityError `AUDIT` in strict mode
   */
  fail(error: unknown): Promise<void> {
    return this.#wait(this.#lose(0, error))
  }

  #wait(written: Promise<void>): Promise<void> {
    if (this.#strict) {
      return within(this.#timeoutSeconds, written, 'the audit sink is too slow').catch(refuse)
    }
    // Nobody waits in best-effort mode, and the listener was told of a loss already.
    written.catch(() => undefined)
    return Promise.resolve()
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const pending = Promise.allSettled(this.#pending)
    await within(this.#timeoutSeconds, pending, 'events were still waiting at the end').catch(
      (error: unknown) => this.#tell(error),
    )
    await this.#sink.close()
  }

  #write(event: AuditEvent): Promise<void> {
    if (this.#closing !== undefined) return this.#lose(0, new Error('the audit trail is closed'))
    // A sink that never answers must not make this grow.
    if (this.#pending.size >= this.#maxPending) {
      return this.#lose(0, new Error('too many events wait for the audit sink'))
    }
    const missing = this.#dropped
    this.#dropped = 0
    const complete = missing === 0 ? event : { ...event, dropped: missing }
    const written: Promise<void> = this.#hand(complete).then(
      () => void this.#pending.delete(written),
      (error: unknown) => {
        this.#pending.delete(written)
        return this.#lose(missing, error)
      },
    )
    this.#pending.add(written)
    return written
  }

  #hand(event: AuditEvent): Promise<void> {
    try {
      // A function of the user's may return anything, whatever its type says.
      return Promise.resolve(this.#sink.write(event))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** This event is lost, and with it what it was to tell about others before it. */
  #lose(missing: number, error: unknown): Promise<never> {
    this.#dropped += missing + 1
    this.#tell(error)
    return Promise.reject(error)
  }

  #tell(error: unknown): void {
    try {
      this.#onError(error)
    } catch {
      // It was promised that an exception in the callback changes nothing.
    }
  }
}

function refuse(cause: unknown): never {
  const reason = cause instanceof TooLate ? 'audit_timeout' : 'audit_unavailable'
  throw new IdentityError('AUDIT', { reason, cause })
}
