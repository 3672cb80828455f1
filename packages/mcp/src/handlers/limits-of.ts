import type { Budget } from '@onbehalf/core/guards'
import type { CallLimits } from '../ambient/call-limits.ts'
import { deliveryOf } from '../ambient/channels.ts'

const kept = new WeakMap<object, CallLimits>()

export function keepLimits(context: object, limits: CallLimits): void {
  kept.set(context, limits)
}

/**
 * What is left of the limits that the call of a handler's context was counted against; empty where
 * nothing was counted.
 *
 * @example
 * ```ts
 * server.registerTool('left', { inputSchema }, async (_args, ctx) => reply(limitsOf(ctx)[0]?.remaining))
 * ```
 */
export function limitsOf(context: unknown): readonly Budget[] {
  const own = typeof context === 'object' && context !== null ? kept.get(context) : undefined
  return (own ?? deliveryOf(context)?.open.limits)?.budgets ?? []
}
