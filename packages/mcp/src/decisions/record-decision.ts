import type { IdentityError } from '@onbehalf/core'
import type { Allow, Deny } from '@onbehalf/core/guards'
import type { OpenRequest } from '../ambient/open-requests.ts'
import { toAuditCall } from './audit-call.ts'
import { type Protection, toEvent } from './decide-request.ts'

/**
 * Reports a decision to the operator, and records a refusal. `error` is the one that answers it over
 * HTTP.
 *
 * @returns a promise only where something is recorded
 * @throws IdentityError `AUDIT` when a strict trail cannot record it
 */
export function recordDecision(
  protection: Protection,
  open: OpenRequest,
  decision: Allow | Deny,
  error?: IdentityError,
): Promise<void> | undefined {
  protection.report?.(toEvent(protection, open, decision))
  if (decision.effect === 'allow' || protection.audit === undefined) return undefined
  const { guard, reason } = decision
  return protection.audit.refusal(toAuditCall(protection, open, { guard, reason, error }))
}
