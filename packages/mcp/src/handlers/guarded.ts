import type { Identity } from '@onbehalf/core'
import { all, type Deny, type Guard, narrow } from '@onbehalf/core/guards'
import { type Delivery, deliveryOf, timeIn } from '../ambient/channels.ts'
import { AccessDeniedError, createDenialResult } from './denial.ts'
import type { GuardedHandler, Handler } from './handler.ts'
import { guardFound, guardMade } from './hidden-guards.ts'
import { identityOf } from './identity-of.ts'
import { decideCall, type PolicyState, setPolicy, stateOf } from './policy.ts'
import { type AnyHandler, noteGuard, runHandler } from './run-handler.ts'

/**
 * Runs a handler only for callers that a guard allows, with their identity in its context. It
 * enforces by itself, on any server. `requireOrg` and its siblings are this function with a guard
 * filled in.
 *
 * On its own it decides after the SDK validated the arguments; `protect` adds the decision before.
 * Outside `protect`, SDK v1 does not distinguish a prompt from a tool: a refused prompt is then
 * answered with a tool's result, which clients reject as malformed.
 *
 * @throws TypeError when the guard is not a guard, or the handler is not a function or is declared
 *   public
 *
 * @example
 * ```ts
 * const officeHours = check('office-hours', () => new Date().getHours() < 18)
 * server.registerTool('pay', { inputSchema }, guarded(officeHours, pay))
 * ```
 */
export function guarded<N extends Identity, A, C, R, P extends unknown[] = []>(
  guard: Guard<N>,
  handler: Handler<A, P, C, N, R>,
): GuardedHandler<A, P, C, R> {
  const state = combinePolicy(guard, handler)
  const wrapped = (...params: unknown[]): Promise<unknown> => {
    noteGuard(params.at(-1), wrapped, state)
    return serve(guard, handler as unknown as AnyHandler, params)
  }
  setPolicy(wrapped, state)
  guardMade(state)
  return wrapped as GuardedHandler<A, P, C, R>
}

function combinePolicy(guard: Guard<never>, handler: unknown): PolicyState {
  if (typeof guard?.decide !== 'function') throw new TypeError('guard must be a guard')
  if (typeof handler !== 'function') throw new TypeError('handler must be a function')
  const inner = stateOf(handler)
  if (inner === undefined) return { policy: guard, isFound: false }
  if (inner.policy === 'public') throw new TypeError('a public handler cannot have a guard')
  guardFound(inner)
  return { policy: all(guard, inner.policy), inner, isFound: false }
}

async function serve(
  guard: Guard<never>,
  handler: AnyHandler,
  params: readonly unknown[],
): Promise<unknown> {
  const context = params.at(-1)
  const identity = identityOf(context)
  const call = { arguments: params.at(-2) ?? {}, now: timeIn(context) }
  const decided = decideCall(guard, identity, call)
  const decision = decided instanceof Promise ? await decided : decided
  if (decision.effect === 'deny') return refuse(decision, params)
  return runHandler(handler, params, narrow(identity as Identity, decision))
}

async function refuse(decision: Deny, params: readonly unknown[]): Promise<unknown> {
  const delivery = deliveryOf(params.at(-1))
  await delivery?.server.refused(delivery.open, decision)
  if (isToolCall(params, delivery)) return createDenialResult(decision)
  throw new AccessDeniedError(decision)
}

// SDK v2 names the method in the context; under v1 the gate knows it, and a resource shows its URI.
function isToolCall(params: readonly unknown[], delivery: Delivery | undefined): boolean {
  const context = params.at(-1) as { mcpReq?: { method?: unknown } } | undefined
  const method = context?.mcpReq?.method ?? delivery?.open.request.method
  return method === undefined ? !(params[0] instanceof URL) : method === 'tools/call'
}
