import { randomUUID } from 'node:crypto'
import type { AuditCall, AuditRefusal, AuditResult, AuditTarget, Identity } from '@onbehalf/core'
import { boundedCopy } from '../capture/bounded-copy.ts'
import type { RedactionRoot } from '../capture/redaction.ts'
import { schemaRedaction } from '../capture/schema-redaction.ts'
import type { AuditDecision, AuditEvent, AuditEventType, CapturedValue } from '../event.ts'
import { parseTraceparent } from './parse-traceparent.ts'
import type { CaptureSettings } from './trail-settings.ts'
import type { AuditLevel } from './trail-types.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Draft = Mutable<AuditEvent>

// Names of tools and methods are the caller's words, and may be of any length.
const maxNameLength = 1_024

export function buildIntent(settings: CaptureSettings, call: AuditCall): AuditEvent {
  return describeCall(settings, call, 'intent', { effect: 'allow', ...guardOf(call) })
}

export function buildRefusal(settings: CaptureSettings, refusal: AuditRefusal): AuditEvent {
  const { error, reason = error?.reason } = refusal
  return describeCall(settings, refusal, 'refusal', {
    effect: 'deny',
    ...guardOf(refusal),
    ...(reason !== undefined && { reason: bounded(reason) }),
    ...(error !== undefined && { code: error.code }),
  })
}

interface Ended {
  readonly level: AuditLevel
  readonly result: AuditResult
  readonly durationMs: number
}

/** The event that ends an intent: who, what and the decision stand in both. */
export function buildResult(
  settings: CaptureSettings,
  intent: AuditEvent,
  ended: Ended,
): AuditEvent {
  const { level, result, durationMs } = ended
  const { arguments: _, dropped: __, ...call } = intent
  const event: Draft = { ...call, ...stamp(settings, 'result'), intent: intent.id }
  event.outcome = result.outcome
  event.durationMs = durationMs
  if (level === 'arguments+result' && result.value !== undefined) {
    event.result = capture(settings, 'result', result.value, result.schema)
  }
  return event
}

function describeCall(
  settings: CaptureSettings,
  call: AuditCall,
  type: AuditEventType,
  decision: AuditDecision,
): AuditEvent {
  const { identity, target, traceparent } = call
  const event: Draft = {
    ...stamp(settings, type),
    method: bounded(call.method),
    decision,
    ...(identity !== undefined && describeIdentity(identity)),
  }
  const credential = describeCredential(settings, call)
  if (credential !== undefined) event.credential = credential
  if (target !== undefined) event.target = { kind: target.kind, name: bounded(target.name) }
  if (call.arguments !== undefined) event.arguments = captureArguments(settings, call)
  const trace = parseTraceparent(traceparent)
  if (trace !== undefined) event.trace = trace
  if (settings.server !== undefined) event.server = settings.server
  return event
}

function stamp(
  settings: CaptureSettings,
  type: AuditEventType,
): Pick<AuditEvent, 'id' | 'time' | 'type'> {
  return { id: randomUUID(), time: new Date(settings.clock() * 1000).toISOString(), type }
}

function describeIdentity(identity: Identity<unknown>): Partial<AuditEvent> {
  const { issuer, subject, kind, organization, actor, client, gateway, source } = identity
  const { id, name } = organization ?? {}
  return {
    principal: { issuer, subject, kind },
    ...(id !== undefined && { organization: { id, ...(name !== undefined && { name }) } }),
    ...(actor !== undefined && { actor }),
    ...(client !== undefined && { client }),
    ...(gateway !== undefined && { gateway: { issuer: gateway.issuer, client: gateway.client } }),
    source,
  }
}

function describeCredential(
  { hash }: CaptureSettings,
  { identity, credentialHash }: AuditCall,
): AuditEvent['credential'] {
  if (identity?.tokenId !== undefined) return { jti: identity.tokenId }
  const digest = identity?.tokenHash ?? credentialHash
  return digest === undefined ? undefined : { hash: hash.ofText(digest) }
}

function captureArguments(settings: CaptureSettings, call: AuditCall): CapturedValue {
  const level = settings.levelOf(call)
  const value = call.arguments
  return level === 'none' || level === 'metadata'
    ? { hash: settings.hash.ofValue(value) }
    : capture(settings, 'arguments', value, call.argumentsSchema)
}

function capture(
  settings: CaptureSettings,
  root: RedactionRoot,
  value: unknown,
  schema: unknown,
): CapturedValue {
  const marked = schemaRedaction(schema)
  const rules = [settings.redaction[root], ...(marked === undefined ? [] : [marked])]
  const copy = boundedCopy(value, rules, settings.maxValueLength)
  return {
    hash: settings.hash.ofValue(value),
    value: copy.value,
    ...(copy.truncated && { truncated: true as const }),
  }
}

function guardOf({ guard }: AuditCall): { guard?: string } {
  return guard === undefined ? {} : { guard: bounded(guard) }
}

function bounded(text: AuditTarget['name']): string {
  if (text.length <= maxNameLength) return text
  return `${text.slice(0, maxNameLength)}[${text.length - maxNameLength} more characters]`
}
