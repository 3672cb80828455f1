import { randomUUID } from 'node:crypto'
import { IdentityError, type IdentityErrorDetail } from '@onbehalf/core'
import type { Deny, Limit, LimitedCall } from '@onbehalf/core/guards'
import { CallLimits } from '../ambient/call-limits.ts'
import { createFault } from '../http/refusals.ts'
import type { Protection } from '../protection.ts'
import type { Challenge } from './challenge.ts'
import type { TargetedRequest } from './decide-request.ts'

/** Counts a call that its guards allowed, or says which limit refuses it. */
export async function takeLimits(
  { report }: Protection,
  open: TargetedRequest,
  limits: readonly Limit[],
): Promise<Deny | undefined> {
  const { acting } = open
  if (acting === undefined) return undefined
  const held = (open.limits ??= new CallLimits())
  const denied = await held.take(limits, acting, toLimitedCall(open))
  for (const failure of held.failures) report?.({ type: 'limit_unavailable', ...failure })
  return denied
}

// What nothing was registered under, callers make up.
function toLimitedCall({ target }: TargetedRequest): LimitedCall {
  const { kind, item, name, arguments: given } = target
  const key = kind === 'method' ? name : item?.key
  return { kind, arguments: given, ...(typeof key === 'string' && { name: key }) }
}

type Fault = readonly ['LIMIT' | 'DOWN', IdentityErrorDetail['reason']]

const faults: Partial<Record<Deny['reason'], Fault>> = {
  rate_limited: ['LIMIT', 'rate_limited'],
  concurrency_limited: ['LIMIT', 'concurrency_limited'],
  limit_unavailable: ['DOWN', 'limit_unavailable'],
}

/** Whether a limit refused the call. */
export function isLimited({ reason }: Deny): boolean {
  return faults[reason] !== undefined
}

/** The answer of HTTP to a call that a limit refused. */
export function faultOf(
  { now }: Protection,
  { exchange }: TargetedRequest,
  { reason, until, cause }: Deny,
): Challenge | undefined {
  const fault = faults[reason]
  if (fault === undefined || exchange === undefined) return undefined
  const retryAfterSeconds = until === undefined ? undefined : until - now()
  const detail = { reason: fault[1], retryAfterSeconds, cause, requestId: randomUUID() }
  const error = new IdentityError(fault[0], detail)
  return { error, refusal: createFault(error) }
}
