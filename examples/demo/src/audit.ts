import { type AuditEvent, readLog, verifyLog } from '@onbehalf/audit'
import type { World } from './world.ts'

const shown = 4

/** What one of the servers recorded of the calls, and whether the log holds together. */
export async function describeAudit({ auditDirectory }: World): Promise<string> {
  const events: AuditEvent[] = []
  for await (const { event } of readLog(auditDirectory)) events.push(event)
  const { ok } = await verifyLog(auditDirectory)
  const count = (type: AuditEvent['type']): number =>
    events.filter((event) => event.type === type).length
  const calls = `${count('intent')} calls, ${count('result')} results, ${count('refusal')} refusals`
  const users = events.filter(({ principal, target }) => principal && target)
  return [
    `audit log of the server of "forwarded": ${calls}, ${ok ? 'the log holds together' : 'NOT INTACT'}`,
    ...users.slice(-shown).map((event) => `  ${describe(event)}`),
  ].join('\n')
}

function describe({
  type,
  principal,
  organization,
  gateway,
  target,
  ...event
}: AuditEvent): string {
  const { decision, outcome } = event
  const who = `${principal?.subject} of ${organization?.id ?? 'no organization'}`
  const end = outcome ?? decision.reason ?? ''
  return `${type.padEnd(7)}  ${who} through ${gateway?.client}  ${target?.name}  ${end}`.trimEnd()
}
