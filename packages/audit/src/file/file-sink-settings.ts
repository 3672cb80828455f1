import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { LogHead } from '../heads/head.ts'
import type { Signer } from '../heads/signer.ts'
import type { QueueLimits } from './commit-queue.ts'
import type { OpenFile } from './segment.ts'

/** Settings of a log in files. */
export interface FileSinkOptions {
  /** Holds the log and nothing else; made where it does not exist. */
  readonly directory: string
  /**
   * Signs heads of the log. `null` leaves them unsigned: then whoever can write to the directory
   * can write the log anew, and only heads kept elsewhere show it.
   */
  readonly signer: Signer | null
  /**
   * Takes each signed head to a place that the writer of the log cannot change: a bucket with a
   * lock, another account, a ticket. Only what was taken there shows the replay of an old copy of
   * the whole directory. A rejection is told to `onError`; later heads cover what it missed.
   */
  readonly anchor?: (head: LogHead) => Promise<void>
  /** Records after which a head is signed. Default: 10000. */
  readonly headEveryRecords?: number
  /** Seconds after which a head is signed, where there is a new record. Default: 5. */
  readonly headEverySeconds?: number
  /** Bytes after which the next file is begun. Default: 67108864. */
  readonly maxSegmentBytes?: number
  /** Seconds after which the next file is begun. Default: 86400. */
  readonly maxSegmentSeconds?: number
  /** Events that may wait for the disk; more are rejected. Default: 10000. */
  readonly maxQueued?: number
  /** Bytes of events that may wait for the disk; more are rejected. Default: 16777216. */
  readonly maxQueuedBytes?: number
  /** Hears of trouble that no call is told: heads that fail, chains that cannot go on. */
  readonly onError?: (error: unknown) => void
}

/** Checked settings. */
export interface FileSinkSettings extends QueueLimits {
  readonly directory: string
  readonly signer: Signer | null
  readonly anchor: ((head: LogHead) => Promise<void>) | undefined
  readonly headEveryRecords: number
  readonly headEverySeconds: number
  readonly maxSegmentBytes: number
  readonly maxSegmentSeconds: number
  readonly onError: (error: unknown) => void
  readonly openFile: OpenFile
}

const defaults = {
  headEveryRecords: 10_000,
  headEverySeconds: 5,
  maxSegmentBytes: 67_108_864,
  maxSegmentSeconds: 86_400,
  maxQueued: 10_000,
  maxQueuedBytes: 16_777_216,
}

/** @throws TypeError for options that are wrong */
export function fileSinkSettings(
  options: FileSinkOptions,
  openFile: OpenFile = open,
): FileSinkSettings {
  const { directory, signer, anchor } = options
  if (typeof directory !== 'string' || directory === '') {
    throw new TypeError('directory must name a directory')
  }
  if (signer !== null && typeof signer?.sign !== 'function') {
    throw new TypeError('signer must be a signer, or null for a log without signatures')
  }
  const numbers = { ...defaults }
  for (const name of Object.keys(defaults) as (keyof typeof defaults)[]) {
    const value = options[name] ?? defaults[name]
    if (!(value > 0)) throw new TypeError(`${name} must be positive`)
    numbers[name] = value
  }
  const onError = quiet(options.onError)
  return { ...numbers, directory: resolve(directory), signer, anchor, onError, openFile }
}

function quiet(onError: FileSinkOptions['onError']): (error: unknown) => void {
  return (error) => {
    try {
      onError?.(error)
    } catch {
      // The log goes on whatever its listener does.
    }
  }
}
