import type { Identity } from '@onbehalf/core'

/** Runs work so that code below it can learn whose it is. */
export type Follow = <R>(identity: () => Identity | undefined, work: () => R) => R

// Following costs, so nothing is followed before it is asked for.
let follow: Follow = (_identity, work) => work()

export function followWith(chosen: Follow): void {
  follow = chosen
}

/** Does the work of this caller. */
export function workFor<R>(identity: () => Identity | undefined, work: () => R): R {
  return follow(identity, work)
}
