import type { Authenticator } from '@onbehalf/core'
import type { TargetMode } from './modes/target-mode.ts'

/** What an interceptor did. It holds no token and no claim: wire it to logs. */
export type InterceptorEventReport =
  | { readonly type: 'passed'; readonly target: string | undefined }
  | {
      readonly type: 'stopped'
      readonly target: string | undefined
      readonly status: number
      /** A reason of `InterceptorRefusal` or of `IdentityError`. */
      readonly reason: string
      readonly detail?: string
    }

/** Options of {@link requestInterceptor}. */
export interface RequestInterceptorOptions {
  /** Verifies the caller's token, by the rules of the gateway's own authorizer: usually `direct`. */
  readonly authenticator: Authenticator
  /** By the name of each target: how the person reaches it. Several ways are all used. */
  readonly targets: Readonly<Record<string, TargetMode | readonly TargetMode[]>>
  /**
   * What happens to calls of targets that are not listed, and of tools that the gateway has itself.
   * `unchanged` lets them pass, with no header in them that is for another target. Default `refuse`.
   */
  readonly otherTargets?: 'refuse' | 'unchanged'
  /** Seconds since 1970. Default the system clock. */
  readonly clock?: () => number
  /** Told what happened. A throw or a rejection in it changes nothing. */
  readonly onEvent?: (event: InterceptorEventReport) => void
}

/** The options after defaults were applied. */
export interface InterceptorRules {
  readonly authenticator: Authenticator
  readonly targets: ReadonlyMap<string, readonly TargetMode[]>
  /** For messages that name no target. */
  readonly shared: readonly TargetMode[]
  /** Every header that some target trusts, in lower case. */
  readonly managed: ReadonlySet<string>
  readonly refuseOthers: boolean
  readonly clock: () => number
}

// The pattern of `CreateGatewayTarget.name`.
const targetName = /^(?:[0-9a-zA-Z]-?){1,100}$/

/** @throws TypeError naming the option that is missing or wrong */
export function toInterceptorRules(options: RequestInterceptorOptions): InterceptorRules {
  const { authenticator, otherTargets = 'refuse', clock = () => Date.now() / 1000 } = options
  if (typeof authenticator?.authenticate !== 'function') {
    throw new TypeError('authenticator is required')
  }
  if (otherTargets !== 'refuse' && otherTargets !== 'unchanged') {
    throw new TypeError("otherTargets must be 'refuse' or 'unchanged'")
  }
  const targets = toTargets(options.targets)
  const modes = [...new Set([...targets.values()].flat())]
  const writers = (header: string): number =>
    modes.filter(({ writes }) => writes.includes(header)).length
  const managed = new Set(modes.flatMap(({ writes }) => writes))
  managed.delete('authorization')
  for (const header of managed) {
    // A message that names no target could be given only one of the values.
    if (writers(header) > 1) throw new TypeError(`targets: "${header}" needs one mode for all`)
  }
  return {
    authenticator,
    targets,
    shared: modes.filter(
      ({ writes }) => !writes.includes('authorization') || writers('authorization') === 1,
    ),
    managed,
    refuseOthers: otherTargets === 'refuse',
    clock,
  }
}

function toTargets(
  targets: RequestInterceptorOptions['targets'],
): ReadonlyMap<string, readonly TargetMode[]> {
  const entries = Object.entries(targets ?? {}).map(
    ([name, modes]) => [name, [modes].flat()] as const,
  )
  if (entries.length === 0) throw new TypeError('targets must name at least one')
  for (const [name, modes] of entries) {
    if (!targetName.test(name)) throw new TypeError('targets: a name is none of a target')
    if (modes.length === 0 || !modes.every((mode) => typeof mode?.write === 'function')) {
      throw new TypeError(`targets: "${name}" has no mode`)
    }
    const headers = modes.flatMap(({ writes }) => writes)
    if (new Set(headers).size < headers.length) {
      throw new TypeError(`targets: "${name}" has two modes for one header`)
    }
  }
  return new Map(entries)
}
