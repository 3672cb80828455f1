import { randomUUID } from 'node:crypto'
import type { AuditCall, AuditRefusal, AuditResult, AuditTarget, Identity } from '@onbehalf/core'
import { boundedCopy } from '../capture/bounded-copy.ts'
import type { RedactionRoot } from '../capture/redaction.ts'
import { schemaRedaction } from '../capture/schema-redaction.ts'
import type {
  AuditDecision,
  AuditEvent,
  AuditEventType,
  AuditPrincipal,
  CapturedValue,
} from '../event.ts'
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
  { level, result, durationMs }: Ended,
): AuditEvent {
  const event = begin(settings, 'result', intent)
  event.intent = intent.id
  event.outcome = result.outcome
  event.durationMs = durationMs
  if (level === 'arguments+result' && result.value !== undefined) {
    event.result = capture(settings, 'result', result.value, result.schema)
  }
  return addShared(event, intent)
}

function describeCall(
  settings: CaptureSettings,
  call: AuditCall,
  type: AuditEventType,
  decision: AuditDecision,
): AuditEvent {
  const { identity, target, traceparent } = call
  const event = begin(settings, type, { method: bounded(call.method), decision })
  if (call.arguments !== undefined) event.arguments = captureArguments(settings, call)
  return addShared(event, {
    credential: describeCredential(settings, call),
    organization: describeOrganization(identity?.organization),
    principal: identity && describePrincipal(identity),
    actor: identity?.actor,
    client: identity?.client,
    gateway: identity?.gateway,
    source: identity?.source,
    server: settings.server,
    target: target && { kind: target.kind, name: bounded(target.name) },
    trace: parseTraceparent(traceparent),
  })
}

function begin(
  settings: CaptureSettings,
  type: AuditEventType,
  { method, decision }: Pick<AuditEvent, 'method' | 'decision'>,
): Draft {
  const time = new Date(settings.clock() * 1000).toISOString()
  return { id: randomUUID(), time, type, method, decision }
}

/** What an intent and its result have in common, besides method and decision. */
const shared = [
  'actor',
  'client',
  'credential',
  'gateway',
  'organization',
  'principal',
  'server',
  'source',
  'target',
  'trace',
] as const

type Shared = { readonly [K in (typeof shared)[number]]?: AuditEvent[K] | undefined }

// By name: to spread a large object and then add to it costs more than all the rest of an event.
function addShared(event: Draft, members: Shared): AuditEvent {
  for (const name of shared) {
    if (members[name] !== undefined) event[name] = members[name] as never
  }
  return event
}

function describePrincipal({ issuer, subject, kind }: Identity<unknown>): AuditPrincipal {
  return { issuer, subject, kind }
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
