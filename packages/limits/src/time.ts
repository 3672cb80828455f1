import type { Identity } from '@onbehalf/core'
import type { Guard, LimitedCall } from '@onbehalf/core/guards'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { asGuard, assertName } from './options.ts'

export interface TimeOptions {
  /** Name of the limit, as that of `limit`. */
  readonly name: string
  /** How long a call may run, in seconds from above 0 to 2000000: for all, or for each caller and call. */
  readonly seconds: number | ((identity: Identity, call: LimitedCall) => number)
}

const known: OptionNames<TimeOptions> = { name: true, seconds: true }
const longestSeconds = 2_000_000

/**
 * Limits how long calls may run on a server that is guarded by `protectedHandler`, `protectedStdio` or
 * `protect`. When its time is over, a call is answered with a tool's error that has the reason
 * `time_limited`, and the `signal` in the context of its handler is aborted. A handler that ignores the
 * signal runs to its end, and keeps its place of `limitConcurrency` until then.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * const halfMinute = limitTime({ name: 'payments', seconds: 30 })
 * server.registerTool('pay', { inputSchema }, requireAll([user(), halfMinute], pay))
 * ```
 */
export function limitTime(options: TimeOptions): Guard {
  assertOptions('limitTime', options, known)
  const { name, seconds } = options
  assertName(name)
  if (typeof seconds !== 'function') assertSeconds(seconds)
  return asGuard({
    name,
    take: (identity, call) => {
      const time = typeof seconds === 'function' ? seconds(identity, call) : seconds
      assertSeconds(time)
      return { effect: 'allow', seconds: time }
    },
  })
}

/** @throws TypeError for what no timer can count */
function assertSeconds(seconds: number): void {
  if (typeof seconds === 'number' && seconds > 0 && seconds <= longestSeconds) return
  throw new TypeError(`seconds must be a number above 0, at most ${longestSeconds}`)
}
