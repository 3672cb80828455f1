import { visibleText } from '../canonical/visible-text.ts'
import type { AuditEvent } from '../event.ts'

/** An event of OCSF class 6003, API Activity. */
export type OcsfApiActivity = Readonly<Record<string, unknown>>

// The first that has all that is written here: user type 4, and the profile `trace`.
const schemaVersion = '1.7.0'
const classUid = 6003
const read = { id: 2, name: 'Read' }

/**
 * Writes an event as OCSF 1.7.0 API Activity (class 6003): the user is `actor.user`, the client
 * `actor.app_uid`, the gateway or else the client `src_endpoint`, the decision is in
 * `actor.authorizations`. What OCSF has no place for is in `unmapped`. Characters that cannot be seen are
 * written as by `visibleText`, in names and in values.
 *
 * It carries no attestation of the profile `record_integrity`: hashes of the log cover its own
 * records, not this form of them.
 */
export function toOcsf(event: AuditEvent): OcsfApiActivity {
  const activity = activityOf(event)
  const written = {
    activity_id: activity.id,
    activity_name: activity.name,
    category_uid: 6,
    class_uid: classUid,
    type_uid: classUid * 100 + activity.id,
    time: Date.parse(event.time),
    duration: event.durationMs === undefined ? undefined : Math.round(event.durationMs),
    severity_id: event.type === 'refusal' ? 2 : 1,
    ...statusOf(event),
    metadata: metadataOf(event),
    actor: actorOf(event),
    api: apiOf(event),
    src_endpoint: { name: event.gateway?.client ?? event.client ?? 'unknown' },
    resources: event.target && [{ name: event.target.name, type: event.target.kind }],
    trace: event.trace && { uid: event.trace.id },
    unmapped: unmappedOf(event),
  }
  return visibleMembers(withoutUndefined(written))
}

function activityOf({ method }: AuditEvent): { readonly id: number; readonly name: string } {
  const reads = method === 'resources/read' || method === 'prompts/get' || method.endsWith('/list')
  return reads ? read : { id: 99, name: method }
}

function statusOf({ type, outcome, decision, exchange }: AuditEvent): object {
  const detail = decision.reason ?? exchange?.reason ?? exchange?.outcome ?? outcome
  if (type === 'intent') return { status_id: 0, status: 'Unknown' }
  const isGood = exchange ? exchange.outcome !== 'refused' : type === 'result' && outcome === 'ok'
  return {
    ...(isGood ? { status_id: 1, status: 'Success' } : { status_id: 2, status: 'Failure' }),
    status_detail: detail,
  }
}

function metadataOf({ id, intent, trace, type, server }: AuditEvent): object {
  return withoutUndefined({
    version: schemaVersion,
    product: withoutUndefined({
      name: server?.name ?? 'MCP server',
      version: server?.version,
      vendor_name: 'Onbehalf',
    }),
    uid: id,
    event_code: type,
    correlation_uid: intent ?? id,
    profiles: trace && ['trace'],
  })
}

function actorOf({ principal, organization, client, decision }: AuditEvent): object {
  const user = principal && {
    uid: principal.subject,
    // The user types of OCSF: 1 is a user, 4 a service.
    type_id: principal.kind === 'user' ? 1 : 4,
    org: organization && withoutUndefined({ uid: organization.id, name: organization.name }),
  }
  return withoutUndefined({
    user: user && withoutUndefined(user),
    idp: principal && { uid: principal.issuer },
    app_uid: client,
    // OCSF requires a user, even if none is known.
    app_name: user === undefined && client === undefined ? 'unknown' : undefined,
    authorizations: [
      withoutUndefined({
        decision: decision.effect,
        policy: decision.guard === undefined ? undefined : { name: decision.guard },
      }),
    ],
  })
}

function apiOf({ method, server, id, decision, outcome }: AuditEvent): object {
  const failed = decision.effect === 'deny' || (outcome !== undefined && outcome !== 'ok')
  return withoutUndefined({
    operation: method,
    service: server && { name: server.name, version: server.version },
    request: { uid: id },
    response: failed ? { error: decision.code ?? decision.reason ?? outcome } : undefined,
  })
}

function unmappedOf(event: AuditEvent): object {
  const { actor, gateway, source, credential, arguments: args, result, trace, dropped } = event
  const { inputResponses, exchange, resource } = event
  const values = { arguments: args, inputResponses, exchange, result, trace, dropped }
  return withoutUndefined({ actor, resource, gateway, source, credential, ...values })
}

function withoutUndefined(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined))
}

function visibleMembers(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // What is recorded may have a member of any name, `__proto__` too: `fromEntries` keeps it as one.
  return Object.fromEntries(
    Object.entries(members).map(([name, member]) => [visibleText(name), visible(member)]),
  )
}

function visible(value: unknown): unknown {
  if (typeof value === 'string') return visibleText(value)
  if (typeof value !== 'object' || value === null) return value
  return Array.isArray(value) ? value.map(visible) : visibleMembers({ ...value })
}
