/** How long keys are kept, and how often they are asked for. */
export interface RefreshOptions {
  /** Seconds after which a key set is due; a withdrawn key dies within them. Default 600. */
  readonly maxAgeSeconds?: number
  /** Seconds beyond `maxAgeSeconds` that a set may serve while its source fails. Default 86400. */
  readonly maxStaleSeconds?: number
  /** Monotonic clock in seconds. Default: `performance.now()`. */
  readonly monotonic?: () => number
  /** Random numbers from 0 to 1, for jitter. Default: `Math.random`. */
  readonly random?: () => number
}

/** @throws TypeError naming the option that is wrong */
export function readRefreshOptions(options: RefreshOptions): Required<RefreshOptions> {
  const { maxAgeSeconds = 600, maxStaleSeconds = 86_400, random = Math.random } = options
  const { monotonic = () => performance.now() / 1000 } = options
  if (!Number.isFinite(maxAgeSeconds) || maxAgeSeconds <= 0) {
    throw new TypeError('maxAgeSeconds must be positive')
  }
  if (!Number.isFinite(maxStaleSeconds) || maxStaleSeconds < 0) {
    throw new TypeError('maxStaleSeconds must not be negative')
  }
  return { maxAgeSeconds, maxStaleSeconds, monotonic, random }
}
