import type { Identity } from '@onbehalf/core'
import { role } from '@onbehalf/core/guards'
import { guarded } from './guarded.ts'
import type { GuardedHandler, Handler } from './handler.ts'

/**
 * Runs a handler only for callers that hold at least one of the roles, whatever the organization.
 * For roles inside an organization use `requireOrg({ roles }, handler)`.
 *
 * @throws TypeError when no role is named
 *
 * @example
 * ```ts
 * server.registerTool('purge', { inputSchema }, requireRole('operator', purge))
 * ```
 */
export function requireRole<A, C, R, P extends unknown[] = []>(
  roles: string | readonly string[],
  handler: Handler<A, P, C, Identity, R>,
): GuardedHandler<A, P, C, R> {
  return guarded(role(roles), handler)
}
