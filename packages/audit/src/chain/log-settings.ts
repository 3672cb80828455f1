import { type OptionNames, toObserver } from '@onbehalf/core/internal'
import type { LogHead } from '../heads/head.ts'
import type { Signer } from '../heads/signer.ts'
import type { QueueLimits } from './commit-queue.ts'

/** Settings that every log has, wherever it is kept. */
export interface LogOptions {
  /**
   * Signs heads of the log. `null` leaves them unsigned: then anyone who can write to the place of the
   * log can write the log again, and only heads kept elsewhere show it.
   */
  readonly signer: Signer | null
  /**
   * Takes each signed head to a place that the writer of the log cannot change: a bucket with a
   * lock, another account, a ticket. Only what was taken there shows the replay of an old copy of
   * the whole log. A rejection is reported to `onError`; later heads cover what it missed.
   */
  readonly anchor?: (head: LogHead) => Promise<void>
  /** Records after which a head is signed. Default: 10000. */
  readonly headEveryRecords?: number
  /** Seconds after which a head is signed, where there is a new record. Default: 5. */
  readonly headEverySeconds?: number
  /** Events that may wait to be kept; more are rejected. Default: 10000. */
  readonly maxQueued?: number
  /** Bytes of events that may wait to be kept; more are rejected. Default: 16777216. */
  readonly maxQueuedBytes?: number
  /** Called for trouble that no call reports: heads that fail, chains that cannot continue. */
  readonly onError?: (error: unknown) => void
}

/** Names of {@link LogOptions}, for the check of a sink's options. */
export const logOptionNames: OptionNames<LogOptions> = {
  signer: true,
  anchor: true,
  headEveryRecords: true,
  headEverySeconds: true,
  maxQueued: true,
  maxQueuedBytes: true,
  onError: true,
}

/** Checked settings. */
export interface LogSettings extends QueueLimits {
  readonly signer: Signer | null
  readonly anchor: ((head: LogHead) => Promise<void>) | undefined
  readonly headEveryRecords: number
  readonly headEverySeconds: number
  readonly onError: (error: unknown) => void
}

/** @throws TypeError for options that are wrong */
export function logSettings(options: LogOptions): LogSettings {
  const { signer, anchor } = options
  if (signer !== null && typeof signer?.sign !== 'function') {
    throw new TypeError('signer must be a signer, or null for a log without signatures')
  }
  const numbers = positiveNumbers(options, {
    headEveryRecords: 10_000,
    headEverySeconds: 5,
    maxQueued: 10_000,
    maxQueuedBytes: 16_777_216,
  })
  return { ...numbers, signer, anchor, onError: toObserver(options.onError) }
}

/**
 * Takes the named options, or their defaults.
 *
 * @throws TypeError for one that is not positive
 */
export function positiveNumbers<Name extends string>(
  options: { readonly [N in NoInfer<Name>]?: number },
  defaults: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const numbers: Record<Name, number> = { ...defaults }
  for (const name of Object.keys(defaults) as Name[]) {
    const value = options[name] ?? defaults[name]
    if (!(value > 0)) throw new TypeError(`${name} must be positive`)
    numbers[name] = value
  }
  return numbers
}
