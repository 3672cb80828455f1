import type { AuditEvent } from '@onbehalf/audit'
import type { Operation } from './operation.ts'

/** An event that becomes a span, and what telemetry may say of it. */
export interface Told {
  readonly event: AuditEvent
  readonly told: Operation
}

const maxCalls = 1000

/**
 * Exchanges of calls that still run, by the id of their intent: the span of a call is known with its
 * result, and theirs belong below it.
 */
export class RunningExchanges {
  readonly #byIntent = new Map<string, Told[]>()

  /** @returns exchanges that have waited for too long, of calls whose end may have been lost */
  add(exchange: Told): readonly Told[] {
    const { intent = '' } = exchange.event
    const known = this.#byIntent.get(intent)
    if (known !== undefined) known.push(exchange)
    else this.#byIntent.set(intent, [exchange])
    const [oldest] = this.#byIntent.keys()
    return this.#byIntent.size > maxCalls && oldest !== undefined ? this.take(oldest) : []
  }

  take(intent: string | undefined): readonly Told[] {
    if (intent === undefined) return []
    const exchanges = this.#byIntent.get(intent) ?? []
    this.#byIntent.delete(intent)
    return exchanges
  }
}
