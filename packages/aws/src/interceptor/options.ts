import type { Authenticator, RefusalDetail, RefusalReason } from '@onbehalf/core'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import type { Named } from '../lambda-context.ts'
import type { TargetMode } from './modes/target-mode.ts'
import type { InterceptorRefusalReason } from './refusal.ts'

/** What an interceptor did. It never holds a token or a claim: wire it to logs. */
export type InterceptorEventReport =
  | ({ readonly type: 'passed'; readonly target: string | undefined } & Named)
  | ({
      readonly type: 'stopped'
      readonly target: string | undefined
      readonly status: number
      /** Of the interceptor, or of `IdentityError` for the token in `Authorization`. */
      readonly reason: InterceptorRefusalReason | RefusalReason
      /** More precisely what failed: the name of a rule, or of the header whose value does not fit. */
      readonly detail?: string
      /** Which credential was refused, and what the authenticator expects of it. */
      readonly failure?: RefusalDetail
    } & Named)

/** Options of {@link requestInterceptor}. */
export interface RequestInterceptorOptions {
  /**
   * Verifies the caller's token in `Authorization`, by the rules of the gateway's own authorizer. All of
   * its sources must be `direct`: of any other, the token in `Authorization` is not the user's.
   */
  readonly authenticator: Authenticator
  /** By the name of each target: how the user reaches it. Several modes are all used. */
  readonly targets: Readonly<Record<string, TargetMode | readonly TargetMode[]>>
  /**
   * What happens to calls of targets that are not listed, and of tools that the gateway has itself.
   * `unchanged` lets them pass, with no header in them that is for another target. Default `refuse`.
   */
  readonly otherTargets?: 'refuse' | 'unchanged'
  /** Seconds since 1970. Default the system clock. */
  readonly clock?: () => number
  /** Called with what happened. Whatever it throws is ignored. */
  readonly onEvent?: (event: InterceptorEventReport) => void
}

/** The options after defaults were applied. */
export interface InterceptorSettings {
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

const known: OptionNames<RequestInterceptorOptions> = {
  authenticator: true,
  targets: true,
  otherTargets: true,
  clock: true,
  onEvent: true,
}

/** @throws TypeError naming the option that is missing or wrong */
export function toInterceptorSettings(options: RequestInterceptorOptions): InterceptorSettings {
  assertOptions('requestInterceptor', options, known)
  const { authenticator, otherTargets = 'refuse', clock = () => Date.now() / 1000 } = options
  assertDirect(authenticator)
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
    if (writers(header) > 1)
      throw new TypeError(`targets: "${header}" needs one mode object for all targets`)
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

/** What is forwarded is the token in `Authorization`: that very token has to be the verified one. */
function assertDirect(authenticator: Authenticator | undefined): void {
  if (!Array.isArray(authenticator?.sourceKinds)) {
    throw new TypeError(
      'authenticator is required: made by createAuthenticator, with direct sources',
    )
  }
  const other = authenticator.sourceKinds.find((kind) => kind !== 'direct')
  if (other === undefined) return
  throw new TypeError(
    `authenticator must have direct sources only: "${other}" does not verify the user's token in Authorization, which the interceptor passes on`,
  )
}

function toTargets(
  targets: RequestInterceptorOptions['targets'],
): ReadonlyMap<string, readonly TargetMode[]> {
  const entries = Object.entries(targets ?? {}).map(
    ([name, modes]) => [name, [modes].flat()] as const,
  )
  if (entries.length === 0) throw new TypeError('targets must name at least one target')
  for (const [name, modes] of entries) {
    if (!targetName.test(name)) throw new TypeError(`targets: "${name}" is not a valid target name`)
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
