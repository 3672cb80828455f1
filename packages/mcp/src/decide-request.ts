import type { Identity } from '@onbehalf/core'
import type { Allow, Deny } from '@onbehalf/core/guards'
import type { DecisionEvent } from './decision-event.ts'
import { paramsOf, type Request } from './json-rpc.ts'
import { decideCall } from './policy.ts'
import type { TaskOwners } from './task-owners.ts'
import type { ToolTable } from './tool-table.ts'

/** What the parts of a protected server share. */
export interface Protection {
  readonly tools: ToolTable
  readonly tasks: TaskOwners
  /** Seconds since 1970. */
  readonly now: () => number
  readonly report: (event: DecisionEvent) => void
  /** Whether a gateway that lists without a person sees every tool. */
  readonly listToGateway: boolean
}

/** Decides on a request before anything in it was validated. */
export function decideRequest(
  { tools, now }: Protection,
  request: Request,
  identity: Identity | undefined,
): Allow | Deny | Promise<Allow | Deny> {
  const { name, arguments: sent } = paramsOf(request)
  const tool = isToolCall(request) ? tools.get(name) : undefined
  return decideCall(tool?.policy(), identity, { arguments: sent ?? {}, now: now() })
}

/** The operator's view of a decision. Names that no tool has stay out: callers make them up. */
export function toEvent(
  { tools }: Protection,
  request: Request,
  identity: Identity | undefined,
  decision: Allow | Deny,
): DecisionEvent {
  const { name } = paramsOf(request)
  const isKnown = isToolCall(request) && tools.get(name) !== undefined
  return { method: request.method, ...(isKnown && { tool: String(name) }), identity, decision }
}

export function isToolCall(request: Request): boolean {
  return request.method === 'tools/call'
}
