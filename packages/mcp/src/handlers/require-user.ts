import { type UserIdentity, user } from '@onbehalf/core/guards'
import { guarded } from './guarded.ts'
import type { GuardedHandler, Handler } from './handler.ts'

/**
 * Runs a handler only for a user; a service is refused.
 *
 * @example
 * ```ts
 * server.registerTool('sign', { inputSchema }, requireUser(async (args, { identity }) => sign(identity.subject)))
 * ```
 */
export function requireUser<A, C, R, P extends unknown[] = []>(
  handler: Handler<A, P, C, UserIdentity, R>,
): GuardedHandler<A, P, C, R> {
  return guarded(user(), handler)
}
