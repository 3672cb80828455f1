import { toObserver } from '@onbehalf/core/internal'
import { warn } from '../warn.ts'
import type { Connectable, Transport } from './transport.ts'

type OnError = Connectable['onerror']

const failed = (): void => warn('onerror failed', 'ONBEHALF_OBSERVER')

/** Reports a failure to the listener of a transport. It never throws: a line must continue. */
export function reportFailure(transport: Transport, thrown: unknown, what: string): void {
  const error = thrown instanceof Error ? thrown : new Error(what, { cause: thrown })
  toObserver(transport.onerror?.bind(transport), failed)(error)
}

/**
 * Makes the `onerror` of a server safe to call, also one that is set later. SDKs call it in the middle of their
 * work: one that throws there would end a line for ever, and one that rejects the process.
 */
export function observeErrors(low: Connectable): void {
  const toSafe = (given: OnError): OnError => given && toObserver(given, failed)
  let safe = toSafe(low.onerror?.bind(low))
  Object.defineProperty(low, 'onerror', {
    configurable: true,
    enumerable: true,
    get: () => safe,
    set: (given: OnError) => {
      safe = given === safe ? safe : toSafe(given)
    },
  })
}
