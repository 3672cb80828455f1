import type { AuditIntent, AuditOutcome, IdentityError } from '@onbehalf/core'
import type { Allow, Deny } from '@onbehalf/core/guards'
import type { OpenRequest } from '../ambient/channels.ts'
import { decideCall, decidePartial } from '../handlers/policy.ts'
import { type Target, targetOf } from '../items/target.ts'
import type { DecisionEvent, Protection } from '../protection.ts'
import type { Message } from '../wire/json-rpc.ts'
import { toAuditCall, toAuditResult } from './audit-call.ts'

/** An open request and what was found out about it, once. */
export interface TargetedRequest extends OpenRequest {
  /** What it is about. */
  readonly target: Target
  /** That it is recorded to run. */
  intent?: AuditIntent
}

export function withTarget({ items }: Protection, open: OpenRequest): TargetedRequest {
  return { ...open, target: targetOf(items, open.request) }
}

/** Decides on a request before anything in it was validated. */
export function decideRequest(
  { rules, now }: Protection,
  { target, identity }: TargetedRequest,
): Allow | Deny | Promise<Allow | Deny> {
  const decideNow = target.isPartial ? decidePartial : decideCall
  return decideNow(rules.policyFor(target), identity, { arguments: target.arguments, now: now() })
}

/**
 * Reports a decision to the operator, and records a refusal. `error` is the one that answers it over
 * HTTP.
 *
 * @returns a promise only where something is recorded
 * @throws IdentityError `AUDIT` when a strict trail cannot record it
 */
export function recordDecision(
  protection: Protection,
  open: TargetedRequest,
  decision: Allow | Deny,
  error?: IdentityError,
): Promise<void> | undefined {
  protection.report?.(toEvent(open, decision))
  if (decision.effect === 'allow' || protection.audit === undefined) return undefined
  const { guard, reason } = decision
  return protection.audit.refusal(toAuditCall(protection, open, { guard, reason, error }))
}

/**
 * Records that a call is about to run.
 *
 * @throws IdentityError `AUDIT` when a strict trail cannot record it
 */
export function recordIntent(
  protection: Protection,
  open: TargetedRequest,
): Promise<void> | undefined {
  const intent = protection.audit?.intent(toAuditCall(protection, open))
  return intent?.then((recorded) => {
    open.intent = recorded
  })
}

/** @throws IdentityError `AUDIT` when a strict trail cannot record it: do not answer */
export function recordAnswer(open: TargetedRequest, answer: Message): Promise<void> | undefined {
  return open.intent?.result(toAuditResult(open, answer))
}

/** It ended without an answer that is worth recording. */
export function recordEnd(open: TargetedRequest, outcome: AuditOutcome): Promise<void> | undefined {
  return open.intent?.result({ outcome })
}

/** The operator's view of a decision. Names that nothing has stay out: callers make them up. */
function toEvent({ request, identity, target }: TargetedRequest, decision: Allow | Deny) {
  const event: DecisionEvent = {
    type: 'decision',
    method: request.method,
    ...nameItem(target),
    identity,
    decision,
  }
  return event
}

function nameItem({ kind, item }: Target): Pick<DecisionEvent, 'tool' | 'prompt' | 'resource'> {
  return item === undefined ? {} : { [kind]: item.key }
}
