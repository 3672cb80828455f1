import type { AuditTrail, Identity } from '@onbehalf/core'
import type { Allow, Deny } from '@onbehalf/core/guards'
import type { OpenRequest } from '../ambient/open-requests.ts'
import { decideCall, decidePartial } from '../handlers/policy.ts'
import type { Items } from '../items/items.ts'
import type { RuleTable } from '../items/rule-table.ts'
import { type Target, targetOf } from '../items/target.ts'
import type { TaskOwners } from '../owners/task-owners.ts'
import type { Request } from '../wire/json-rpc.ts'
import type { DecisionEvent } from './decision-event.ts'

/** What the parts of a protected server share. */
export interface Protection {
  readonly items: Items
  readonly rules: RuleTable
  readonly tasks: TaskOwners
  /** Seconds since 1970. */
  readonly now: () => number
  /** Absent where nobody listens. */
  readonly report: ((event: DecisionEvent) => void) | undefined
  readonly audit: AuditTrail | undefined
  /** Whether a gateway that lists without a user sees everything. */
  readonly listToGateway: boolean
  /** Whether a refused item is answered as one that does not exist. */
  readonly hideRefused: boolean
}

/** Decides on a request before anything in it was validated. */
export function decideRequest(
  { items, rules, now }: Protection,
  request: Request,
  identity: Identity | undefined,
): Allow | Deny | Promise<Allow | Deny> {
  const target = targetOf(items, request)
  const decideNow = target.isPartial ? decidePartial : decideCall
  return decideNow(rules.policyFor(target), identity, { arguments: target.arguments, now: now() })
}

/** The operator's view of a decision. Names that nothing has stay out: callers make them up. */
export function toEvent(
  { items }: Protection,
  { request, identity }: OpenRequest,
  decision: Allow | Deny,
): DecisionEvent {
  const target = targetOf(items, request)
  return { method: request.method, ...nameItem(target), identity, decision }
}

function nameItem({ kind, item }: Target): Pick<DecisionEvent, 'tool' | 'prompt' | 'resource'> {
  return item === undefined ? {} : { [kind]: item.key }
}

export function isToolCall(request: Request): boolean {
  return request.method === 'tools/call'
}
