import type {
  AuditCall,
  AuditIntent,
  AuditOutcome,
  AuditRefusal,
  AuditResult,
  AuditTarget,
  IdentityError,
} from '@onbehalf/core'
import type { IdentityLoss } from '@onbehalf/core/auth-info'
import type { Allow, Deny } from '@onbehalf/core/guards'
import type { Place } from '@onbehalf/core/internal'
import { deliveryOf, type OpenRequest, type Received } from '../ambient/channels.ts'
import { denialCode } from '../handlers/denial.ts'
import { tellLoss } from '../handlers/identity-loss.ts'
import { decideCall } from '../handlers/policy.ts'
import { type Target, targetOf } from '../items/items.ts'
import type { DecisionEvent, Protection } from '../protection.ts'
import {
  asksForTask,
  isRecord,
  type Message,
  type MethodMessage,
  paramsOf,
  type Request,
} from '../wire/json-rpc.ts'
import type { MessageExtra } from '../wire/transport.ts'
import { requestedSchemasOf } from './asked-questions.ts'
import { argumentsSchemaOf, resultSchemaOf } from './recorded-schemas.ts'

/** What was received and what was found out about it, once. */
export interface Targeted extends Received {
  /** What it is about. */
  target: Target
  /** Why it has no identity, where that is a mistake in the set-up. */
  readonly loss?: IdentityLoss
}

/** An open request and what was found out about it. */
export interface TargetedRequest extends OpenRequest, Targeted {
  readonly request: Request
  /** For the task that it asks for. */
  place?: Place
  /** That it is recorded to run. */
  intent?: AuditIntent
}

export function withTarget<R extends Received>(
  { items }: Protection,
  received: R,
): R & Pick<Targeted, 'target'> {
  return { ...received, target: targetOf(items, received.request) }
}

/** What is recorded of the call that a handler serves. */
export interface RecordedCall {
  /** That it runs; absent where nothing is recorded. */
  readonly intent: AuditIntent | undefined
  /** W3C `traceparent` of its caller. */
  readonly traceparent: string | undefined
}

/** The recorded call that a handler's context belongs to, of either SDK generation. */
export function recordedCallOf(context: unknown): RecordedCall | undefined {
  const open = deliveryOf(context)?.open as TargetedRequest | undefined
  if (open === undefined) return undefined
  return { intent: open.intent, traceparent: traceparentOf(open.request, open.extra) }
}

/** Decides on a request before anything in it was validated. */
export function decideRequest(
  { rules, now, guardSeconds }: Protection,
  { request, target, identity }: Targeted,
): Allow | Deny | Promise<Allow | Deny> {
  const policy = rules.policyFor(target)
  // A task is its caller's: nobody could fetch the result of one that runs for nobody.
  const asked = policy === 'public' && asksForTask(request) ? undefined : policy
  return decideCall(asked, identity, { arguments: target.arguments, now: now(), guardSeconds })
}

/**
 * Reports a decision to the operator, and records a refusal: with the error that answers it over HTTP,
 * and the id that its caller gets.
 *
 * @returns a promise only where something is recorded
 * @throws IdentityError `AUDIT` when a strict trail cannot record it
 */
export function recordDecision(
  protection: Protection,
  open: Targeted,
  decision: Allow | Deny,
  error?: IdentityError,
  requestId: string | undefined = error?.requestId,
): Promise<void> | undefined {
  const loss = lossIn(open, decision)
  if (loss !== undefined) tellLoss(loss)
  protection.report?.(toEvent(protection, open, decision, requestId))
  if (decision.effect === 'allow' || protection.audit === undefined) return undefined
  const { guard, reason } = decision
  const errorCode = error === undefined ? replyCode(protection, open, decision) : undefined
  const refused = { guard, reason: loss ?? reason, error, requestId, errorCode }
  return protection.audit.refusal(toAuditCall(protection, open, refused))
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

/**
 * Reports a decision that allows, and records that its call is about to run.
 *
 * @throws IdentityError `AUDIT` when a strict trail cannot record it
 */
export function recordAllowed(
  protection: Protection,
  open: TargetedRequest,
  decision: Allow,
): Promise<void> | undefined {
  return recordDecision(protection, open, decision) ?? recordIntent(protection, open)
}

/** @throws IdentityError `AUDIT` when a strict trail cannot record it: do not answer */
export function recordAnswer(
  protection: Protection,
  open: TargetedRequest,
  answer: Message,
): Promise<void> | undefined {
  return open.intent?.result(toAuditResult(protection, open, answer))
}

/** It ended without an answer that is worth recording. */
export function recordEnd(open: TargetedRequest, outcome: AuditOutcome): Promise<void> | undefined {
  return open.intent?.result({ outcome })
}

/** The operator's view of a decision. Names that nothing has stay out: callers make them up. */
export function toEvent(
  { servesItself }: Protection,
  open: Targeted,
  decision: Allow | Deny,
  requestId: string | undefined,
): DecisionEvent {
  const { request, identity, target } = open
  const loss = lossIn(open, decision)
  const event: DecisionEvent = {
    type: 'decision',
    method: request.method,
    ...nameItem(target, servesItself(request.method)),
    identity,
    decision,
    ...(loss !== undefined && { identityLoss: loss }),
    ...(requestId !== undefined && { requestId }),
  }
  return event
}

function lossIn({ loss }: Targeted, decision: Allow | Deny): IdentityLoss | undefined {
  const isMissing = decision.effect === 'deny' && decision.reason === 'identity_missing'
  return isMissing ? loss : undefined
}

function nameItem(
  { kind, name, item }: Target,
  isServedItself: boolean,
): Pick<DecisionEvent, 'tool' | 'prompt' | 'resource'> {
  if (item !== undefined) return { [kind]: item.key }
  const isNamed = isServedItself && kind !== 'method' && typeof name === 'string'
  return isNamed ? { [kind]: name } : {}
}

/** Whether a refusal is a JSON-RPC error: a call that asks for a task cannot be answered by a result. */
export function isRefusedByError(request: MethodMessage): boolean {
  return request.method !== 'tools/call' || asksForTask(request)
}

// What the SDK answers for an item that is not there, only it knows.
function replyCode(
  { hidesRefused }: Protection,
  { request }: Targeted,
  { reason }: Deny,
): number | undefined {
  return !hidesRefused && isRefusedByError(request) ? denialCode(reason) : undefined
}

/** Which call a request is, for a trail. */
export function describe({ request, target }: Targeted): Pick<AuditCall, 'method' | 'target'> {
  return { method: request.method, target: toAuditTarget(target) }
}

/** What an audit trail records of a request, and of its refusal if it is refused. */
function toAuditCall(
  { rules, audit }: Protection,
  open: Targeted,
  refused?: Pick<AuditRefusal, 'guard' | 'reason' | 'error' | 'requestId' | 'errorCode'>,
): AuditRefusal {
  const { request, identity, acting = identity, extra, target } = open
  const policy = rules.policyFor(target)
  return {
    identity: acting,
    ...describe(open),
    arguments: argumentsOf(request),
    inputResponses: paramsOf(request)['inputResponses'],
    get argumentsSchema() {
      return argumentsSchemaOf(target)
    },
    get requestedSchemas() {
      return requestedSchemasOf(audit, open)
    },
    guard: policy === 'public' ? 'public' : (policy?.name ?? 'identity'),
    traceparent: traceparentOf(request, extra),
    receivedAt: open.receivedAt,
    ...refused,
  }
}

/** How a call ended, by its answer and by whether its handler is known to have thrown. */
export function toAuditResult(
  { items }: Protection,
  open: TargetedRequest,
  answer: Message,
): AuditResult {
  return {
    outcome: outcomeOf(answer, open.hasThrown === true),
    errorCode: errorCodeOf(answer),
    value: answer.result ?? answer.error,
    // A trail reads it only where it records values.
    get schema() {
      return resultSchemaOf(items, open)
    },
  }
}

function errorCodeOf({ error }: Message): number | undefined {
  const code = isRecord(error) ? error['code'] : undefined
  return Number.isSafeInteger(code) ? (code as number) : undefined
}

function outcomeOf({ error, result }: Message, isThrown: boolean): AuditOutcome {
  if (error !== undefined || isThrown) return 'thrown'
  return isRecord(result) && result['isError'] === true ? 'tool_error' : 'ok'
}

function toAuditTarget({ kind, name }: Target): AuditTarget | undefined {
  return kind === 'method' || typeof name !== 'string' ? undefined : { kind, name }
}

/** What the caller asks with: of a method without items, all of its parameters. */
function argumentsOf(request: Message): unknown {
  const { arguments: given, inputResponses: _answers, ...others } = paramsOf(request)
  const { name: _name, uri: _uri, _meta, ...rest } = others
  return given ?? rest
}

/** As the message says, or else its HTTP request. */
function traceparentOf(request: Message, extra: MessageExtra | undefined): string | undefined {
  const { _meta: meta } = paramsOf(request)
  const { traceparent } = isRecord(meta) ? meta : {}
  // SDK v1 hands on a record of headers, SDK v2 the request.
  const sent = traceparent ?? extra?.requestInfo?.headers['traceparent']
  const header = sent ?? extra?.request?.headers.get('traceparent')
  return typeof header === 'string' ? header : undefined
}
