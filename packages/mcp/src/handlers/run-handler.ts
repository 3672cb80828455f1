import type { Identity } from '@onbehalf/core'
import { deliveryOf } from '../ambient/delivery.ts'
import { workFor } from '../ambient/follow.ts'
import { withIdentity } from './identity-of.ts'
import { policyOf } from './policy.ts'

export type AnyHandler = (...params: unknown[]) => unknown

/** Calls a handler with the identity in its context, which is its last parameter. */
export function runHandler(
  handler: AnyHandler,
  params: readonly unknown[],
  identity: Identity | undefined,
): Promise<unknown> {
  const context = withIdentity(params.at(-1) as object, identity)
  const run = () => handler(...params.slice(0, -1), context)
  return workFor(
    () => identity,
    () => tellThrow(run, context),
  )
}

/** A handler without a guard of its own that tells when it throws. Anything else stays as it is. */
export function observed<H>(handler: H): H {
  if (typeof handler !== 'function' || policyOf(handler) !== undefined) return handler
  const run = handler as unknown as AnyHandler
  return ((...params: unknown[]) => tellThrow(() => run(...params), params.at(-1))) as H
}

// SDKs make a tool's error of what a tool throws: its answer does not tell.
async function tellThrow(work: () => unknown, context: unknown): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    const delivery = deliveryOf(context)
    delivery?.rules.threw(delivery.open)
    throw error
  }
}
