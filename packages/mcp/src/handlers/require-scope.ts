import type { Identity } from '@onbehalf/core'
import { type ScopeOptions, scope } from '@onbehalf/core/guards'
import { guarded } from './guarded.ts'
import type { GuardedHandler, Handler } from './handler.ts'

/**
 * Runs a handler only when the token carries every scope, by name or by what `implies` declares.
 *
 * Over HTTP, `protect` answers a missing scope with 403 `insufficient_scope`, so that clients can
 * ask for consent.
 *
 * @throws TypeError when no scope is named, or an option is undefined or unknown
 *
 * @example
 * ```ts
 * const implies = { 'notes:write': ['notes:read'] }
 * server.registerTool('read', { inputSchema }, requireScope('notes:read', { implies }, read))
 * ```
 */
export function requireScope<A, C, R, P extends unknown[] = []>(
  scopes: string | readonly string[],
  handler: Handler<A, P, C, Identity, R>,
): GuardedHandler<A, P, C, R>
export function requireScope<A, C, R, P extends unknown[] = []>(
  scopes: string | readonly string[],
  options: ScopeOptions,
  handler: Handler<A, P, C, Identity, R>,
): GuardedHandler<A, P, C, R>
export function requireScope(
  scopes: string | readonly string[],
  ...rest: readonly unknown[]
): unknown {
  const handler = rest.at(-1) as Handler<unknown, unknown[], unknown, Identity, unknown>
  if (rest.length < 2) return guarded(scope(scopes), handler)
  return guarded(scope(scopes, readOptions(rest[0])), handler)
}

function readOptions(options: unknown): ScopeOptions {
  if (typeof options === 'object' && options !== null) return options
  throw new TypeError('scope: the options must be an object')
}
