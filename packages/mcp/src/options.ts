import { type AuditTrail, type Authenticator, memoryStore, type Store } from '@onbehalf/core'
import { type OptionNames, toObserver } from '@onbehalf/core/internal'
import { systemTime } from './ambient/channels.ts'
import { trackIdentities } from './ambient/current-identity.ts'
import type { Rule } from './items/rule.ts'
import { RuleTable } from './items/rule-table.ts'
import { TaskOwners } from './owners/task-owners.ts'
import type { ServerEvent, Settings } from './protection.ts'
import { warn } from './warn.ts'

/** What every guarded server may be given, whichever way it is served. */
export interface ServerOptions {
  /**
   * Serves requests without any credential: they reach what is public, and what needs an identity
   * answers 401 over HTTP, so that clients begin to sign in. A bad credential is refused as always.
   * Default: a credential is required.
   */
  readonly guests?: boolean
  /**
   * Records each call before its handler runs and again before it is answered, and each refusal.
   * Handshakes, lists and allowed notifications are left out. What a strict trail cannot record does not
   * run: over HTTP it is answered with 503. Default: the trail of the authenticator, if it has one.
   */
  readonly audit?: AuditTrail
  /**
   * Called with what happens at authentication and with every decision on a request or notification,
   * allowed or denied; handshakes and lists are left out. If it throws or rejects, the process is warned and the caller
   * notices nothing.
   */
  readonly onEvent?: (event: ServerEvent) => void
  /**
   * Guards by kind, name and annotations, for a whole server in one table. The first rule that
   * matches counts, and a handler's own guard counts beside it. `connect` rejects with a `TypeError`
   * when rules do not fit the handlers.
   */
  readonly rules?: readonly Rule[]
  /**
   * Answers a refused tool, prompt or resource as `McpServer` does for one that does not exist, and
   * challenges for no scopes. Default: the caller learns why it was refused.
   */
  readonly hideRefused?: boolean
  /**
   * Leaves out of lists what only a scope is missing for. Default: it is listed, because clients ask
   * for consent when they call it.
   */
  readonly hideUnconsented?: boolean
  /**
   * Where owners of tasks are kept. Give the servers of all processes the same one if a task may be
   * asked for in another process than the one that made it. Default: in the memory of this process.
   */
  readonly store?: Store
  /** Makes `currentIdentity()` work below every handler. Default: false, because it costs time. */
  readonly trackIdentity?: boolean
  /**
   * How long a guard may take. A call whose guard takes longer is refused with `guard_timeout`, which
   * `onEvent` and the audit trail receive. Default: 10.
   */
  readonly guardTimeoutSeconds?: number
  /** Seconds since 1970. Default: the system's clock. */
  readonly clock?: () => number
}

/** Names of {@link ServerOptions}. */
export const serverOptions: OptionNames<ServerOptions> = {
  guests: true,
  audit: true,
  onEvent: true,
  rules: true,
  hideRefused: true,
  hideUnconsented: true,
  store: true,
  trackIdentity: true,
  guardTimeoutSeconds: true,
  clock: true,
}

/**
 * What the servers of one entry share.
 *
 * @throws TypeError naming the option that is wrong
 */
export function createSettings(
  options: ServerOptions,
  authenticator: Authenticator<unknown> | undefined,
): Settings {
  const { clock = systemTime, rules = [], store = thisProcess, onEvent } = options
  const { guests = false, hideRefused = false, trackIdentity = false } = options
  const { hideUnconsented = hideRefused } = options
  const { guardTimeoutSeconds = 10 } = options
  assertAuthenticator(authenticator)
  if (!(guardTimeoutSeconds > 0)) throw new TypeError('guardTimeoutSeconds must be positive')
  if (trackIdentity) trackIdentities()
  return {
    authenticator,
    acceptsGuests: guests,
    rules: new RuleTable(rules),
    tasks: new TaskOwners(store),
    now: clock,
    report: onEvent && toObserver(onEvent, () => warn('onEvent failed', 'ONBEHALF_OBSERVER')),
    audit: chooseTrail(options.audit, authenticator?.audit),
    hidesRefused: hideRefused,
    hidesUnconsented: hideRefused || hideUnconsented,
    tracksIdentity: trackIdentity,
    guardSeconds: guardTimeoutSeconds,
  }
}

// Stateless servers are made for each request, while their tasks live on.
const thisProcess = memoryStore()

function assertAuthenticator(authenticator: Authenticator<unknown> | undefined): void {
  if (authenticator === undefined || typeof authenticator?.authenticate === 'function') return
  throw new TypeError('authenticator must be made by createAuthenticator')
}

function chooseTrail(
  own: AuditTrail | undefined,
  ofAuthenticator: AuditTrail | undefined,
): AuditTrail | undefined {
  if (own !== undefined && ofAuthenticator !== undefined && own !== ofAuthenticator) {
    throw new TypeError('audit is another trail than the one of the authenticator')
  }
  return own ?? ofAuthenticator
}
