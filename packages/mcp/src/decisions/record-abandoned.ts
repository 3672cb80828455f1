import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AuditResult } from '@onbehalf/core'
import { withDeadline } from '@onbehalf/core/internal'
import type { Protection } from '../protection.ts'
import type { Message } from '../wire/json-rpc.ts'
import { type TargetedRequest, toAuditResult } from './decide-request.ts'

/** For how long a call that nobody waits for may run on before it is recorded as cancelled. */
const patienceSeconds = 1

/**
 * Records how a call ended that its caller cancelled or whose connection is gone. Its handler may run
 * on and do what it was called for, so its own end counts, even after the call was recorded as
 * cancelled.
 */
export async function recordAbandoned(
  protection: Protection,
  open: TargetedRequest,
): Promise<void> {
  const { intent } = open
  if (intent === undefined) return
  // Servers call a handler some microtasks after they got its request.
  await nextTurn()
  if (open.handled === undefined) return intent.result({ outcome: 'cancelled' })
  const ended = endOf(protection, open)
  const isStillRunning = () => new Error('The handler is still running')
  const inTime = await withDeadline(patienceSeconds, () => ended, isStillRunning).catch(
    () => undefined,
  )
  if (inTime === undefined) await intent.result({ outcome: 'cancelled' })
  await intent.result(await ended)
}

async function endOf(protection: Protection, open: TargetedRequest): Promise<AuditResult> {
  let answer: Message = {}
  try {
    answer = { result: await open.handled?.returned }
  } catch (error) {
    if (open.hasThrown !== true) Object.assign(open, { hasThrown: true, thrown: error })
  }
  return isStopped(open) ? { outcome: 'cancelled' } : toAuditResult(protection, open, answer)
}

/** Whether the handler ended because its caller had cancelled it. */
function isStopped({ hasThrown, thrown, handled }: TargetedRequest): boolean {
  if (hasThrown !== true || thrown === undefined) return false
  const { name } = Object(thrown) as { readonly name?: unknown }
  return name === 'AbortError' || thrown === handled?.signal?.reason
}
