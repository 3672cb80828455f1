import { all, any, deny, type Guard } from '@onbehalf/core/guards'
import { type Policy, type PolicyState, stateOf } from './policy.ts'

// A handler that is wrapped after it was guarded, by a logger for example, shows no guard. These
// records find the items that may hide one.

/** What an item asks of its callers, as far as its handler shows it or is known to hide it. */
export interface Asked {
  /** For lists, completions and subscriptions, which no handler decides. */
  readonly policy: Policy | undefined
  /** For the call itself, which a hidden guard decides as well. */
  readonly ofCall: Policy | undefined
  readonly hides?: 'certainly' | 'possibly'
}

/** A guarded handler that an item may wrap. It lives as long as its handler. */
export type Candidates = readonly WeakRef<PolicyState>[]

/** Refuses what cannot be decided, because the handler may hide its guard. */
export const undecided: Guard = Object.freeze({
  name: 'hidden',
  decide: () => deny('hidden', 'guard_error'),
})

/** Made in the current job, and in no server so far: the next item probably wraps them. */
let fresh: PolicyState[] = []
/** Made earlier, and in no server under their own name: any item may wrap them. */
const loose = new Set<WeakRef<PolicyState>>()
const dropped = new FinalizationRegistry<WeakRef<PolicyState>>((ref) => loose.delete(ref))

/** Guards that decided beneath a function which does not show them. */
const learned = new WeakMap<object, Set<PolicyState>>()
/** Functions that ran to their end without a guard beneath. */
const plain = new WeakSet<object>()

/** A guard was put around a handler. */
export function guardMade(state: PolicyState): void {
  if (fresh.length === 0) queueMicrotask(takeFresh)
  fresh.push(state)
}

/**
 * A server registers a handler. It may wrap the guarded handlers that were made in this job and are
 * in no server yet, unless it is one of them itself.
 */
export function handlerRegistered(handler: unknown): Candidates {
  const state = stateOf(handler)
  if (state === undefined || state.policy === 'public') return takeFresh()
  guardFound(state)
  return []
}

/** A guard is visible: in a server, or inside another guard. */
export function guardFound(state: PolicyState): void {
  state.isFound = true
  // Most handlers are registered as soon as they are made.
  if (fresh.at(-1) === state) fresh.pop()
}

/** A guard decided, and it is not visible in the item that was called. */
export function guardLost(state: PolicyState): void {
  state.isFound = false
  loosen(state)
}

/**
 * A guard decided beneath a registered function.
 *
 * @returns whether the function hides it, and that was not known yet
 */
export function guardRan(handler: object, ran: PolicyState): boolean {
  if (shows(stateOf(handler), ran)) return false
  const known = learned.get(handler) ?? new Set()
  if (known.has(ran)) return false
  // For every server that registers this function.
  learned.set(handler, known.add(ran))
  plain.delete(handler)
  // Wrapped once, it may be wrapped elsewhere too, wherever else it is visible.
  guardLost(ran)
  return true
}

/** A registered function ran to its end, and no guard decided beneath it. */
export function ranPlain(handler: object): void {
  if (!learned.has(handler)) plain.add(handler)
}

/** What callers of a registered handler must meet. */
export function askedBy(handler: unknown, candidates: Candidates): Asked {
  const shown = stateOf(handler)?.policy
  const hidden = hiddenIn(handler, candidates)
  if (hidden.length > 0) return withHidden(shown, hidden)
  const isPlain = shown !== undefined || !isAnyLost() || plain.has(handler as object)
  if (isPlain) return { policy: shown, ofCall: shown }
  return { policy: undecided, ofCall: undefined, hides: 'possibly' }
}

function takeFresh(): Candidates {
  const taken = fresh.filter(isLost).map(loosen)
  fresh = []
  return taken
}

function loosen(state: PolicyState): WeakRef<PolicyState> {
  if (state.ref === undefined) {
    state.ref = new WeakRef(state)
    dropped.register(state, state.ref)
  }
  loose.add(state.ref)
  return state.ref
}

function isAnyLost(): boolean {
  for (const ref of loose) {
    if (isLost(ref.deref())) return true
    loose.delete(ref)
  }
  return false
}

function isLost(state: PolicyState | undefined): state is PolicyState {
  return state !== undefined && !state.isFound
}

/** Whether a guard is this one or one inside it. */
function shows(shown: PolicyState | undefined, ran: PolicyState): boolean {
  return shown !== undefined && (shown === ran || shows(shown.inner, ran))
}

function hiddenIn(handler: unknown, candidates: Candidates): readonly Guard<never>[] {
  const known = learned.get(handler as object) ?? []
  const states = new Set([...candidates.map((ref) => ref.deref()).filter(isLost), ...known])
  return [...states].map(({ policy }) => policy as Guard<never>)
}

/** It counts where it decides: beneath the handler that hides it. */
function withoutLimits(guard: Guard<never>): Guard<never> {
  const { name, limits } = guard
  if (limits === undefined) return guard
  return { name, decide: (identity, call) => guard.decide(identity, call) }
}

// Of several it is not known which one decides: a call that one of them allows is left to it.
function withHidden(shown: Policy | undefined, hidden: readonly Guard<never>[]): Asked {
  const visible = shown === undefined || shown === 'public' ? [] : [shown]
  return {
    policy: all(...visible, ...hidden),
    ofCall: all(...visible, any(...hidden.map(withoutLimits))),
    hides: 'certainly',
  }
}
