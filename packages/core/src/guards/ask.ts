import type { Identity } from '../identity.ts'
import type { Awaitable } from '../internal/awaitable.ts'
import { type Call, type Decision, deny, type Guard } from './guard.ts'

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
