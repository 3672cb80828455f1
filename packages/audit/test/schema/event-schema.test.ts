import { readFileSync } from 'node:fs'
import { IdentityError } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { ada, listTrail } from '../support/trail.ts'
import { eventSchema, isSameType, toJsonSchemaText } from './event-schema.ts'

const published = new URL('../../../../docs/audit-event.schema.json', import.meta.url)

describe('the schema of events', () => {
  it('is published as it is', () => {
    expect(isSameType).toBe(true)
    // Formatting may differ; `tsx scripts/write-audit-schema.ts` writes it again.
    expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(JSON.parse(toJsonSchemaText()))
  })

  it('describes what a trail writes', async () => {
    const { trail, events } = listTrail({
      levels: { default: 'arguments+result' },
      server: { name: 'invoices', version: '1.0.0' },
    })
    const call = { method: 'tools/call', target: { kind: 'tool', name: 'pay' } } as const
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const intent = await trail.intent({
      ...call,
      identity: ada(),
      arguments: { big: 'x'.repeat(100_000), many: 1n },
      guard: 'user',
      traceparent,
    })
    const exchange = { api: 'ledger', grant: 'token_exchange', scopes: ['read'] } as const
    await intent.exchange({ ...exchange, outcome: 'fresh', tokenId: 'api-1' })
    await intent.exchange({ ...exchange, outcome: 'refused', reason: 'consent_required' })
    await intent.result({ outcome: 'tool_error', value: { isError: true } })
    const error = new IdentityError('TOK', { reason: 'expired' })
    await trail.refusal({ method: 'HTTP POST', error, credentialHash: 'digest' })
    expect(events).toHaveLength(5)
    for (const event of events) expect(eventSchema.parse(event)).toEqual(event)
  })
})
