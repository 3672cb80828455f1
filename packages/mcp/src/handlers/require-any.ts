import { any, type Guard, type Narrowed } from '@onbehalf/core/guards'
import { guarded } from './guarded.ts'
import type { GuardedHandler, Handler } from './handler.ts'

/**
 * Runs a handler when one guard allows.
 *
 * @throws TypeError without guards
 *
 * @example
 * ```ts
 * server.registerTool('audit', { inputSchema }, requireAny([role('auditor'), role('operator')], audit))
 * ```
 */
export function requireAny<
  const G extends readonly Guard<never>[],
  A,
  C,
  R,
  P extends unknown[] = [],
>(
  guards: G,
  handler: Handler<A, P, C, Narrowed<ReturnType<typeof any<G>>>, R>,
): GuardedHandler<A, P, C, R> {
  return guarded(any(...guards), handler)
}
