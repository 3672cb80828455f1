import type { Identity } from '@onbehalf/core'

// The clock skew that verification allows: a token is still accepted for so long.
const graceSeconds = 60
// Timers hold no more; a stream that long is opened again.
const longestMilliseconds = 2 ** 31 - 1

// A process stops as a whole: these are of all servers in it.
const streams = new Set<() => void>()

/**
 * Calls `end` for a stream once the identity that opened it no longer counts, or the process is drained.
 * Without an identity there is nothing to expire. It does not keep the process alive.
 *
 * @param now seconds since 1970
 * @returns stops waiting, and leaves nothing behind
 */
export function whenExpired(
  identity: Identity | undefined,
  now: number,
  end: () => void,
): () => void {
  const forget = streamOpened(end)
  if (identity === undefined) return forget
  const milliseconds = Math.ceil((identity.expiresAt + graceSeconds - now) * 1000)
  const timer = setTimeout(end, Math.min(Math.max(0, milliseconds), longestMilliseconds))
  // A number outside of Node.js.
  if (typeof timer === 'object') timer.unref()
  return () => {
    forget()
    clearTimeout(timer)
  }
}

/** @returns is called when the stream is over */
function streamOpened(end: () => void): () => void {
  // One function may be given for several streams.
  const entry = (): void => end()
  streams.add(entry)
  return () => void streams.delete(entry)
}

export function endStreams(): void {
  for (const end of streams) end()
}
