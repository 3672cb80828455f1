import type { Identity } from '@onbehalf/core'
import { timeIn } from '../ambient/channels.ts'
import { type AnyHandler, runHandler, runOf } from './guarded.ts'
import type { GuardedHandler, Handler } from './handler.ts'
import { identityOf } from './identity-of.ts'
import { policyOf, setPolicy, validIdentity } from './policy.ts'

/**
 * Declares that a tool, prompt or resource may be listed and used without an identity, on a server
 * that `protect` watches. The handler sees the caller's identity where there is a valid one.
 *
 * @throws TypeError when the handler is not a function, or has a guard
 *
 * @example
 * ```ts
 * server.registerTool('health', { inputSchema: z.object({}) }, allowPublic(() => reply('ok')))
 * ```
 */
export function allowPublic<A, C, R, P extends unknown[] = []>(
  handler: Handler<A, P, C, Identity | undefined, R>,
): GuardedHandler<A, P, C, R> {
  if (typeof handler !== 'function') throw new TypeError('handler must be a function')
  if (policyOf(handler) !== undefined) throw new TypeError('a guarded handler cannot be public')
  const wrapped = async (...params: unknown[]): Promise<unknown> => {
    runOf(params.at(-1), wrapped)
    const identity = validIdentity(identityOf(params.at(-1)), timeIn(params.at(-1)))
    return runHandler(handler as unknown as AnyHandler, params, identity)
  }
  setPolicy(wrapped, { policy: 'public', isFound: true })
  return wrapped as unknown as GuardedHandler<A, P, C, R>
}
