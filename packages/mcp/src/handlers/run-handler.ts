import type { Identity } from '@onbehalf/core'
import { deliveries } from './current-identity.ts'
import { withIdentity } from './identity-of.ts'

export type AnyHandler = (...params: unknown[]) => unknown

/** Calls a handler with the identity in its context, which is its last parameter. */
export function runHandler(
  handler: AnyHandler,
  params: readonly unknown[],
  identity: Identity | undefined,
): Promise<unknown> {
  const delivery = deliveries.getStore()
  return deliveries.run({ ...delivery, identity }, async () => {
    try {
      return await handler(...params.slice(0, -1), withIdentity(params.at(-1) as object, identity))
    } catch (error) {
      delivery?.threw?.()
      throw error
    }
  })
}
