import { IdentityError } from '@onbehalf/core'
import { toObserver } from '@onbehalf/core/internal'
import type { AuditEvent } from '../event.ts'
import { type AuditSink, toSink } from '../sinks/sink.ts'
import { TooLate, within } from '../within.ts'
import { PendingEvents } from './pending-events.ts'
import type { AuditTrailOptions } from './trail-types.ts'

/** Hands events to the sink, within bounds, and counts those that were lost. */
export class Recorder {
  readonly #sink: AuditSink
  readonly #strict: boolean
  readonly #maxPending: number
  readonly #timeoutSeconds: number
  readonly #onError: (error: unknown) => void
  // A sink that never answers must not make this grow.
  readonly #pending: PendingEvents
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
    this.#onError = toObserver(onError)
    this.#pending = new PendingEvents(timeoutSeconds)
  }

  /**
   * Resolves when the event is recorded; in best-effort mode at once.
   *
   * @throws IdentityError `AUDIT` in strict mode
   */
  record(event: AuditEvent): Promise<void> {
    if (this.#closing !== undefined) return this.fail(new Error('the audit trail is closed'))
    if (this.#pending.size >= this.#maxPending) {
      return this.fail(new Error('too many events wait for the audit sink'))
    }
    const missing = this.#dropped
    this.#dropped = 0
    const complete = missing === 0 ? event : { ...event, dropped: missing }
    return this.#strict ? this.#await(complete, missing) : this.#follow(complete, missing)
  }

  /**
   * Counts an event that could not even be made.
   *
   * @throws IdentityError `AUDIT` in strict mode
   */
  fail(error: unknown): Promise<void> {
    this.#lose(0, error)
    return this.#strict ? Promise.reject(refusalFor(error)) : Promise.resolve()
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const drained = this.#pending.drained()
    await within(this.#timeoutSeconds, drained, 'events were still waiting at the end').catch(
      (error: unknown) => this.#onError(error),
    )
    await this.#sink.close()
  }

  #await(event: AuditEvent, missing: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const pending = this.#pending.add(() => {
        reject(refusalFor(new TooLate('the audit sink is too slow')))
      })
      this.#hand(event).then(
        () => {
          this.#pending.remove(pending)
          resolve()
        },
        (error: unknown) => {
          this.#pending.remove(pending)
          this.#lose(missing, error)
          reject(refusalFor(error))
        },
      )
    })
  }

  /** Nobody waits, and the listener is notified of a loss. */
  #follow(event: AuditEvent, missing: number): Promise<void> {
    const pending = this.#pending.add()
    this.#hand(event).then(
      () => this.#pending.remove(pending),
      (error: unknown) => {
        this.#pending.remove(pending)
        this.#lose(missing, error)
      },
    )
    return Promise.resolve()
  }

  #hand(event: AuditEvent): Promise<void> {
    try {
      // The user's function may return anything, whatever its type says.
      return Promise.resolve(this.#sink.write(event))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** This event is lost, and with it what it was to tell about others before it. */
  #lose(missing: number, error: unknown): void {
    this.#dropped += missing + 1
    this.#onError(error)
  }
}

function refusalFor(cause: unknown): IdentityError {
  const reason = cause instanceof TooLate ? 'audit_timeout' : 'audit_unavailable'
  return new IdentityError('AUDIT', { reason, cause })
}
