import type { Identity } from '@onbehalf/core'
import { all, type Deny, deny, type Guard, type Limit, narrow } from '@onbehalf/core/guards'
import { CallLimits } from '../ambient/call-limits.ts'
import {
  type Delivery,
  deliveryOf,
  identities,
  type OpenRequest,
  systemTime,
} from '../ambient/channels.ts'
import { warnOnce } from '../warn.ts'
import { AccessDeniedError, createDenialResult } from './denial.ts'
import type { GuardedHandler, Handler } from './handler.ts'
import { guardFound, guardLost, guardMade, guardRan, ranPlain } from './hidden-guards.ts'
import { noteLoss } from './identity-loss.ts'
import { actingIn, authInfoOf, identityOf, withIdentity } from './identity-of.ts'
import { keepLimits } from './limits-of.ts'
import { decideCall, type PolicyState, setPolicy, stateOf } from './policy.ts'

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
  const server = deliveryOf(context)?.server
  const now = server?.now() ?? systemTime()
  const call = { arguments: params.at(-2) ?? {}, now, guardSeconds: server?.guardSeconds }
  if (identity === undefined) noteLoss(authInfoOf(context))
  const decided = decideCall(guard, identity, call)
  const decision = decided instanceof Promise ? await decided : decided
  if (decision.effect === 'deny') return refuse(decision, params)
  const acting = narrow(identity as Identity, decision)
  const recorded = actingIn(context)
  // Validation changed the arguments that name one, or a wrapper hides the guard from the gate.
  const isOther = recorded !== undefined && recorded.organization?.id !== acting.organization?.id
  if (isOther) return refuse(deny(guard.name, 'org_mismatch'), params)
  if (guard.limits !== undefined) return serveLimited(guard.limits, handler, params, acting)
  return runHandler(handler, params, acting)
}

/** Counts what no gate has counted: it does not see a hidden guard, or there is none. */
async function serveLimited(
  limits: readonly Limit[],
  handler: AnyHandler,
  params: readonly unknown[],
  identity: Identity,
): Promise<unknown> {
  const open = deliveryOf(params.at(-1))?.open
  const held = open?.limits ?? new CallLimits()
  if (open !== undefined) open.limits = held
  const denied = await held.take(limits, identity, { arguments: params.at(-2) ?? {} })
  if (denied !== undefined) return refuse(denied, params)
  try {
    return await runHandler(handler, params, identity, held)
  } finally {
    if (open === undefined) held.answered()
  }
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

export type AnyHandler = (...params: unknown[]) => unknown

/**
 * Calls a handler with the identity in its context, which is its last parameter. The SDKs give the
 * handler of an item without a schema the context alone: it then is the first parameter as well, for
 * handlers that expect arguments in front of it.
 */
export function runHandler(
  handler: AnyHandler,
  params: readonly unknown[],
  identity: Identity | undefined,
  limits?: CallLimits,
): Promise<unknown> {
  const context = withIdentity(params.at(-1) as object, identity)
  if (limits !== undefined) keepLimits(context, limits)
  const delivery = deliveryOf(context)
  const isAlone = params.length === 1 && stateOf(handler) === undefined
  const before = isAlone ? [context] : params.slice(0, -1)
  const run = () => noteThrow(delivery, () => handler(...before, context))
  return delivery?.server.tracksIdentity ? identities.run(identity, run) : run()
}

/**
 * A handler that shows no guard, as a server gets it: it notes that it throws, and whether a guard
 * decides beneath it. `onHidden` is called for a guard that was not known to be there.
 */
export function observed<H>(handler: H, onHidden: () => void): H {
  if (isTask(handler)) return observedTask(handler, onHidden) as H
  if (typeof handler !== 'function' || stateOf(handler) !== undefined) return handler
  return observedFunction(handler as unknown as AnyHandler, onHidden) as H
}

// A task tool of SDK v1 is an object, of which `createTask` answers the call.
function observedTask(handler: Task, onHidden: () => void): Task {
  const { createTask } = handler
  if (stateOf(createTask) !== undefined) return handler
  const run = createTask.bind(handler)
  const value = observedFunction(run, onHidden, createTask)
  return Object.create(handler, { createTask: { value } }) as Task
}

interface Task {
  createTask: AnyHandler
}

function isTask(handler: unknown): handler is Task {
  const { createTask } = (handler ?? {}) as { createTask?: unknown }
  return typeof handler === 'object' && typeof createTask === 'function'
}

function observedFunction(run: AnyHandler, onHidden: () => void, registered = run): AnyHandler {
  return async (...params) => {
    const context = params.at(-1)
    const found = runOf(context, registered, onHidden)
    const answer = await noteThrow(deliveryOf(context), () => run(...params))
    if (found !== undefined && isPlain(found, context, answer)) ranPlain(registered)
    return answer
  }
}

function isPlain({ hasGuard }: Run, context: unknown, answer: unknown): boolean {
  const { isError } = (answer ?? {}) as { isError?: unknown }
  return !hasGuard && isError !== true && !strays.has(authInfoOf(context) as object)
}

/** The registered handler that serves a request. */
interface Run {
  readonly handler: AnyHandler
  readonly onHidden: (() => void) | undefined
  hasGuard: boolean
}

const runs = new WeakMap<OpenRequest, Run>()
/** Whose guards decided on a context that was torn out of its request. */
const strays = new WeakSet()

/** The run that a context belongs to: it begins with the first handler that is called. */
export function runOf(
  context: unknown,
  handler: AnyHandler,
  onHidden?: () => void,
): Run | undefined {
  const open = deliveryOf(context)?.open
  if (open === undefined) return undefined
  const known = runs.get(open)
  if (known !== undefined) return known
  const run = { handler, onHidden, hasGuard: false }
  runs.set(open, run)
  return run
}

/** A guard is about to decide: the item that is served may hide it. */
function noteGuard(context: unknown, handler: AnyHandler, state: PolicyState): void {
  const run = runOf(context, handler)
  if (run === undefined) return noteStray(context, state)
  run.hasGuard = true
  if (!guardRan(run.handler, state)) return
  if (run.onHidden !== undefined) return run.onHidden()
  warnOnce(
    'A guard is hidden by a wrapper inside another guarded handler: guard the wrapped handler instead',
    'ONBEHALF_HIDDEN_GUARD',
  )
}

function noteStray(context: unknown, state: PolicyState): void {
  if (identityOf(context) === undefined) return
  const info = authInfoOf(context)
  if (typeof info === 'object' && info !== null) strays.add(info)
  guardLost(state)
  warnOnce(
    'A guarded handler ran on a server that is not protected: its lists, completions and ' +
      'subscriptions are not guarded, and nothing is recorded',
    'ONBEHALF_UNPROTECTED',
  )
}

// SDKs make a tool's error of what a tool throws: its answer does not show it.
async function noteThrow(delivery: Delivery | undefined, work: () => unknown): Promise<unknown> {
  const limits = delivery?.open.limits
  limits?.begin()
  try {
    const answer = await work()
    // What was thrown below was caught.
    if (delivery?.open.hasThrown) delete delivery.open.thrown
    return answer
  } catch (error) {
    if (delivery !== undefined) Object.assign(delivery.open, { hasThrown: true, thrown: error })
    throw error
  } finally {
    limits?.end()
  }
}
