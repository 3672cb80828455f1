import { randomUUID } from 'node:crypto'
import type {
  Actor,
  AuditCall,
  AuditExchange,
  AuditRefusal,
  AuditResult,
  AuditTarget,
  Gateway,
  Identity,
  RequestedResource,
} from '@onbehalf/core'
import { boundedCopy } from '../capture/bounded-copy.ts'
import type { Redaction, RedactionRoot } from '../capture/redaction.ts'
import { schemaRedaction } from '../capture/schema/schema-redaction.ts'
import {
  answerRules,
  argumentRules,
  completedRules,
  resultRules,
} from '../capture/travelling-values.ts'
import type {
  AuditDecision,
  AuditEvent,
  AuditEventType,
  AuditPrincipal,
  AuditTrace,
  CapturedValue,
} from '../event.ts'
import type { CaptureSettings } from './trail-settings.ts'
import type { AuditLevel } from './trail-types.ts'

// Names of tools and methods are the caller's words, and may be of any length.
const maxNameLength = 1_024

export function buildIntent(settings: CaptureSettings, call: AuditCall): AuditEvent {
  return describeCall(settings, call, 'intent', { effect: 'allow', ...guardOf(call) })
}

export function buildRefusal(settings: CaptureSettings, refusal: AuditRefusal): AuditEvent {
  const { error, reason = error?.reason, requestId = error?.requestId } = refusal
  const decision: AuditDecision = {
    ...(error !== undefined && { code: error.code }),
    effect: 'deny',
    ...guardOf(refusal),
    ...(reason !== undefined && { reason: bounded(reason) }),
    ...(requestId !== undefined && { requestId: bounded(requestId) }),
  }
  const { receivedAt, errorCode } = refusal
  const durationMs = receivedAt === undefined ? undefined : millisecondsSince(receivedAt)
  return describeCall(settings, refusal, 'refusal', decision, { durationMs, errorCode })
}

/** By a clock that never goes back, to the microsecond. */
export function millisecondsSince(start: number): number {
  return Math.round((performance.now() - start) * 1000) / 1000
}

interface Ended {
  readonly call: AuditCall
  readonly level: AuditLevel
  readonly result: AuditResult
  readonly durationMs: number
}

/** The event that ends an intent: who, what and the decision are in both. */
export function buildResult(
  settings: CaptureSettings,
  intent: AuditEvent,
  ended: Ended,
): AuditEvent {
  const { level, result, durationMs } = ended
  const isCaptured = level === 'arguments+result' && result.value !== undefined
  return toEvent({
    actor: intent.actor,
    client: intent.client,
    credential: intent.credential,
    decision: intent.decision,
    durationMs,
    errorCode: result.errorCode,
    gateway: intent.gateway,
    id: randomUUID(),
    intent: intent.id,
    method: intent.method,
    organization: intent.organization,
    outcome: result.outcome,
    principal: intent.principal,
    resource: intent.resource,
    result: isCaptured ? captureResult(settings, ended) : undefined,
    server: intent.server,
    source: intent.source,
    target: intent.target,
    time: timeOf(settings),
    trace: intent.trace,
    type: 'result',
  })
}

/** A token that the call of an intent needed: who and what are as in the intent. */
export function buildExchange(
  settings: CaptureSettings,
  intent: AuditEvent,
  exchange: AuditExchange,
): AuditEvent {
  return toEvent({
    actor: intent.actor,
    client: intent.client,
    credential: intent.credential,
    decision: intent.decision,
    exchange: describeExchange(exchange),
    gateway: intent.gateway,
    id: randomUUID(),
    intent: intent.id,
    method: intent.method,
    organization: intent.organization,
    principal: intent.principal,
    resource: intent.resource,
    server: intent.server,
    source: intent.source,
    target: intent.target,
    time: timeOf(settings),
    trace: intent.trace,
    type: 'exchange',
  })
}

function describeCall(
  settings: CaptureSettings,
  call: AuditCall,
  type: AuditEventType,
  decision: AuditDecision,
  ended?: Pick<Members, 'durationMs' | 'errorCode'>,
): AuditEvent {
  const { identity, target, traceparent } = call
  return toEvent({
    actor: identity?.actor && describeActor(identity.actor),
    arguments: captureSent(settings, call, call.arguments, (rules) =>
      argumentRules(call.method, call.arguments, rules),
    ),
    client: identity?.client,
    credential: describeCredential(settings, call),
    decision,
    durationMs: ended?.durationMs,
    errorCode: ended?.errorCode,
    gateway: identity?.gateway && describeGateway(identity.gateway),
    id: randomUUID(),
    inputResponses: captureSent(settings, call, call.inputResponses, (rules) => [
      settings.redaction.inputResponses,
      ...answerRules(rules, call.inputResponses, call.requestedSchemas),
    ]),
    method: bounded(call.method),
    organization: describeOrganization(identity?.organization),
    principal: identity && describePrincipal(identity),
    resource: describeResource(identity?.resource ?? call.resource),
    server: settings.server,
    source: identity?.source,
    target: target && { kind: target.kind, name: bounded(target.name) },
    time: timeOf(settings),
    trace: parseTraceparent(traceparent),
    type,
  })
}

type Members = { readonly [K in keyof AuditEvent]: AuditEvent[K] | undefined }

/** What is undefined is left out. In canonical order a log writes the members as they are. */
function toEvent(members: Members): AuditEvent {
  const event: Record<string, unknown> = {}
  for (const name of Object.keys(members) as (keyof AuditEvent)[]) {
    if (members[name] !== undefined) event[name] = members[name]
  }
  return event as unknown as AuditEvent
}

function timeOf({ clock }: CaptureSettings): string {
  return new Date(clock() * 1000).toISOString()
}

// All that is described here has its members in canonical order as well.

function describeActor({ actor, issuer, subject }: Actor): Actor {
  return {
    ...(actor && { actor: describeActor(actor) }),
    ...(issuer !== undefined && { issuer }),
    subject,
  }
}

function describeGateway({ client, issuer }: Gateway): Gateway {
  return { client, issuer }
}

function describeResource(resource: RequestedResource | undefined): RequestedResource | undefined {
  if (resource === undefined) return undefined
  const { id, organization } = resource
  return { id, ...(organization !== undefined && { organization }) }
}

function describeExchange(exchange: AuditExchange): AuditExchange {
  const { api, grant, outcome, reason, scopes, tokenId } = exchange
  return {
    api: bounded(api),
    grant: bounded(grant),
    outcome,
    ...(reason !== undefined && { reason: bounded(reason) }),
    scopes: scopes.map(bounded),
    ...(tokenId !== undefined && { tokenId: bounded(tokenId) }),
  }
}

function describePrincipal({ issuer, subject, kind }: Identity<unknown>): AuditPrincipal {
  return { issuer, kind, subject }
}

function describeOrganization(
  organization: Identity<unknown>['organization'],
): AuditEvent['organization'] {
  if (organization === undefined) return undefined
  const { id, name } = organization
  return name === undefined ? { id } : { id, name }
}

function describeCredential(
  { hash }: CaptureSettings,
  { identity, credentialHash }: AuditCall,
): AuditEvent['credential'] {
  if (identity?.tokenId !== undefined) return { jti: identity.tokenId }
  const digest = identity?.tokenHash ?? credentialHash
  return digest === undefined ? undefined : { hash: hash.ofText(digest) }
}

/** What the caller sent, as far as the level lets it into the event. */
function captureSent(
  settings: CaptureSettings,
  call: AuditCall,
  value: unknown,
  toRules: (rules: readonly Redaction[]) => readonly Redaction[],
): CapturedValue | undefined {
  if (value === undefined) return undefined
  const level = settings.levelOf(call)
  if (level === 'none' || level === 'metadata') return { hash: settings.hash.ofValue(value) }
  return capture(settings, value, toRules(rulesOf(settings, call)))
}

function captureResult(settings: CaptureSettings, { call, result }: Ended): CapturedValue {
  const rules = rulesFor(settings, 'result', result.schema)
  const completed = completedRules(call.method, call.arguments, () => rulesOf(settings, call))
  return capture(settings, result.value, resultRules(rules, completed))
}

/** What redacts the arguments of a call. */
function rulesOf(settings: CaptureSettings, call: AuditCall): readonly Redaction[] {
  return rulesFor(settings, 'arguments', call.argumentsSchema)
}

function rulesFor(
  { redaction }: CaptureSettings,
  root: RedactionRoot,
  schema: unknown,
): readonly Redaction[] {
  const marked = schemaRedaction(schema)
  return [redaction[root], ...(marked === undefined ? [] : [marked])]
}

function capture(
  settings: CaptureSettings,
  value: unknown,
  rules: readonly Redaction[],
): CapturedValue {
  const copy = boundedCopy(value, rules, settings.maxValueLength)
  return {
    hash: settings.hash.ofValue(value),
    ...(copy.truncated && { truncated: true as const }),
    value: copy.value,
  }
}

function guardOf({ guard }: AuditCall): { guard?: string } {
  return guard === undefined ? {} : { guard: bounded(guard) }
}

function bounded(text: AuditTarget['name']): string {
  if (text.length <= maxNameLength) return text
  return `${text.slice(0, maxNameLength)}[${text.length - maxNameLength} more characters]`
}

// W3C Trace Context, section 3.2: version, trace id, parent id and flags. All zeros is not an id, ff is
// not a version, and only later versions than 00 may continue after the flags.
const shape =
  /^(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/

const sampled = 0x01

/** Reads a `traceparent`; `undefined` for what is not well-formed, as the caller may send anything. */
function parseTraceparent(traceparent: unknown): AuditTrace | undefined {
  if (typeof traceparent !== 'string') return undefined
  const [, id, parent, flags] = shape.exec(traceparent) ?? []
  if (id === undefined || parent === undefined || flags === undefined) return undefined
  return { id, parent, sampled: (Number.parseInt(flags, 16) & sampled) !== 0 }
}
