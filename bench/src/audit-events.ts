import { randomUUID } from 'node:crypto'
import type { AuditEvent } from '@onbehalf/audit'

/** An intent as a guarded call behind a gateway leaves it, about 750 bytes as a record. */
export function exampleEvent(): AuditEvent {
  return {
    id: randomUUID(),
    time: new Date().toISOString(),
    type: 'intent',
    principal: { issuer: 'https://idp.example.com', subject: 'ada', kind: 'user' },
    organization: { id: 'acme' },
    client: 'agents',
    gateway: { issuer: 'https://gateway.example.com', client: 'gateway-client' },
    source: 'forwarded',
    credential: { jti: '4cf1b9ba-6d3a-4e0d-8a0e-1b3a2f5f0c11' },
    method: 'tools/call',
    target: { kind: 'tool', name: 'list_invoices' },
    arguments: { hash: 'BiW6qbNlOVmUOSQTkFmtPSxE732rTNWWnzYbSk1kCUI' },
    decision: { effect: 'allow', guard: 'organization' },
    server: { name: 'invoices', version: '1.0.0' },
  }
}

/** The result that belongs to an intent. */
export function exampleResult({ arguments: _arguments, id, ...call }: AuditEvent): AuditEvent {
  return {
    ...call,
    id: randomUUID(),
    type: 'result',
    intent: id,
    outcome: 'ok',
    durationMs: 1.25,
  }
}
