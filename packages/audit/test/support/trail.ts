import { type AuditEvent, type AuditTrailOptions, createAuditTrail } from '@onbehalf/audit'
import { createIdentity, type Identity, type IdentityParts } from '@onbehalf/core'

export const key: Uint8Array = Buffer.alloc(32, 7)

const acme = { id: 'acme', name: 'Acme Ltd', roles: ['controller'] }

/** Ada of Acme, behind a gateway. */
export function ada(parts: Partial<IdentityParts> = {}): Identity<unknown> {
  return createIdentity({
    kind: 'user',
    issuer: 'https://people.example.com',
    subject: 'ada',
    organization: acme,
    organizations: [acme],
    actor: { subject: 'agent-1', actor: { subject: 'agent-0' } },
    client: 'agents',
    gateway: { issuer: 'https://gateway.example.com', client: 'gateway-client' },
    scopes: [],
    roles: [],
    source: 'forwarded',
    expiresAt: 4_000_000_000,
    tokenId: 'token-1',
    claims: {},
    ...parts,
  })
}

/** A trail that keeps its events in an array. */
export function listTrail(options: Partial<AuditTrailOptions> = {}): {
  readonly trail: ReturnType<typeof createAuditTrail>
  readonly events: AuditEvent[]
} {
  const events: AuditEvent[] = []
  const sink = (event: AuditEvent): Promise<void> => {
    events.push(event)
    return Promise.resolve()
  }
  return { trail: createAuditTrail({ sink, mode: 'strict', key, ...options }), events }
}
