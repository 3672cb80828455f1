import { all, type Guard, type Narrowed } from '@onbehalf/core/guards'
import { guarded } from './guarded.ts'
import type { GuardedHandler, Handler } from './handler.ts'

/**
 * Runs a handler only when every guard allows; the identity is narrowed by all of them.
 *
 * @throws TypeError without guards
 *
 * @example
 * ```ts
 * server.registerTool('pay', { inputSchema }, requireAll([user(), scope('payments')], pay))
 * ```
 */
export function requireAll<
  const G extends readonly Guard<never>[],
  A,
  C,
  R,
  P extends unknown[] = [],
>(
  guards: G,
  handler: Handler<A, P, C, Narrowed<ReturnType<typeof all<G>>>, R>,
): GuardedHandler<A, P, C, R> {
  return guarded(all(...guards), handler)
}
