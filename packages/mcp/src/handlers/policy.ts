import type { Identity } from '@onbehalf/core'
import {
  type Allow,
  allow,
  type Decision,
  type Deny,
  decide,
  deny,
  type Guard,
} from '@onbehalf/core/guards'
import { type Awaitable, andThen } from '@onbehalf/core/internal'

/** What a handler asks of its callers; without one it asks for an identity. */
export type Policy = Guard<never> | 'public'

// Not a WeakMap: one of thousands of handlers, made again for each request, keeps the collector busy.
const policyKey = Symbol('policy')

/** The default: any caller whose identity is verified and has not expired. */
export const authenticated: Guard = Object.freeze({ name: 'identity', decide: () => allow })

/** What a guard around a handler is known by. It lives as long as that handler. */
export interface PolicyState {
  readonly policy: Policy
  /** Of the handler that it was put around, if that was guarded too. */
  readonly inner?: PolicyState | undefined
  /** Whether it is in a server, or inside another guard, where it is visible. */
  isFound: boolean
  /** Under which it is remembered while it is not. */
  ref?: WeakRef<PolicyState>
}

export function setPolicy(handler: object, state: PolicyState): void {
  // Configurable, so that a proxy may hide it instead of breaking.
  Object.defineProperty(handler, policyKey, { value: state, configurable: true })
}

export function stateOf(handler: unknown): PolicyState | undefined {
  if (typeof handler !== 'function') return undefined
  return (handler as { readonly [policyKey]?: PolicyState })[policyKey]
}

export function policyOf(handler: unknown): Policy | undefined {
  return stateOf(handler)?.policy
}

/** When it is decided, and how long that may take. */
export interface Moment {
  /** Seconds since 1970. */
  readonly now: number
  readonly guardSeconds?: number | undefined
}

/** Decides on a call. */
export function decideCall(
  policy: Policy | undefined,
  identity: Identity | undefined,
  call: Moment & { readonly arguments: unknown },
): Awaitable<Allow | Deny> {
  return andThen(decidePolicy(policy, identity, call, call), final)
}

/** Decides on an item of a list. */
export function decideListing(
  policy: Policy | undefined,
  identity: Identity | undefined,
  moment: Moment,
): Awaitable<Decision> {
  return decidePolicy(policy, identity, moment)
}

/** The identity, unless it is missing or has expired. */
export function validIdentity(identity: Identity | undefined, now: number): Identity | undefined {
  const decision = decide(authenticated, identity, { now }) as Decision
  return decision.effect === 'allow' ? identity : undefined
}

function decidePolicy(
  policy: Policy | undefined,
  identity: Identity | undefined,
  { now, guardSeconds }: Moment,
  call?: { readonly arguments: unknown },
): Awaitable<Decision> {
  const options = { now, timeoutSeconds: guardSeconds, ...(call && { call }) }
  return policy === 'public' ? allow : decide(policy ?? authenticated, identity, options)
}

function final(decision: Decision): Allow | Deny {
  return decision.effect === 'unknown' ? deny('identity', 'guard_error') : decision
}
