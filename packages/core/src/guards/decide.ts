import { passOnSubjectToken } from '../authenticator/subject-tokens.ts'
import { buildIdentity, gatewayMayList, type Identity } from '../identity.ts'
import { type Awaitable, maxTimerMilliseconds } from '../internal/promises.ts'
import { type Call, type Decision, deny, type Guard } from './guard.ts'

export interface DecideOptions {
  /** Present for a call, absent while a list is filtered. */
  readonly call?: Call
  /** Seconds since 1970; the identity must not have expired by then. */
  readonly now: number
  /** Seconds that the guard may take. Default 10. */
  readonly timeoutSeconds?: number | undefined
}

/**
 * Asks a guard. No identity, an expired identity, a throw, a rejection, no answer in time and an answer
 * that is not a decision all deny: forgetting the middleware fails closed.
 */
export function decide(
  guard: Guard<never>,
  identity: Identity | undefined,
  options: DecideOptions,
): Decision | Promise<Decision> {
  if (identity === undefined) return deny(guard.name, 'identity_missing')
  // Asked for what must hold: a time that is not a number refuses.
  const lasts = options.now < identity.expiresAt + graceSeconds
  if (!lasts) return deny(guard.name, 'identity_expired')
  const decision = ask(guard, identity, options.call)
  return decision instanceof Promise ? inTime(guard, decision, options.timeoutSeconds) : decision
}

/** How long a guard may take where nothing else is said. */
const guardSeconds = 10

/** One that answers never rejects; what it says too late is not heard. */
function inTime(
  { name }: Guard<never>,
  decision: Promise<Decision>,
  seconds: number = guardSeconds,
): Promise<Decision> {
  return new Promise((resolve) => {
    const refuse = (): void => resolve(deny(name, 'guard_timeout'))
    const timer = setTimeout(refuse, Math.min(seconds * 1000, maxTimerMilliseconds))
    void decision.then((decided) => {
      clearTimeout(timer)
      resolve(decided)
    })
  })
}

// The clock skew that token verification allows: what was accepted a moment ago stays accepted.
const graceSeconds = 60

/**
 * Asks one guard. A throw, a rejection and an answer that is not a decision deny; `unknown` is one in
 * lists only.
 */
export function ask(
  guard: Guard<never>,
  identity: Identity,
  call: Call | undefined,
): Awaitable<Decision> {
  const failed = (): Decision => deny(guard.name, 'guard_error')
  const sound = (decision: Decision): Decision => (isDecision(decision, call) ? decision : failed())
  try {
    const decision = guard.decide(identity, call)
    return decision instanceof Promise ? decision.then(sound, failed) : sound(decision)
  } catch {
    return failed()
  }
}

function isDecision(decision: Decision, call: Call | undefined): boolean {
  const effect = decision?.effect
  return effect === 'allow' || effect === 'deny' || (effect === 'unknown' && call === undefined)
}

/** The identity as a handler sees it after this decision: the organization that matched is current. */
export function narrow(identity: Identity, decision: Decision): Identity {
  const chosen = decision.effect === 'allow' ? decision.organization : undefined
  const organization = identity.organizations.find(({ id }) => id === chosen)
  if (organization === undefined || chosen === identity.organization?.id) return identity
  const narrowed = buildIdentity({ ...identity, organization }, gatewayMayList(identity))
  return passOnSubjectToken(identity, narrowed)
}
