import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type Connect,
  connectLegacy,
  connectModern,
  connectV1,
  type McpClient,
} from '../e2e/support/clients.ts'
import { serve } from './support/http.ts'
import { adasHeaders, adasToken, authenticator, forwardedHeaders } from './support/identities.ts'
import { mcpWays } from './support/mcp-ways.ts'

const clients: readonly { client: string; connect: Connect; isModern: boolean }[] = [
  { client: 'SDK v1', connect: connectV1, isModern: false },
  { client: 'SDK v2', connect: connectLegacy, isModern: false },
  { client: 'SDK v2 with the 2026-07-28 revision', connect: connectModern, isModern: true },
]

describe.each(mcpWays)('$name', ({ mount, isModern: speaksModern }) => {
  const able = clients.filter(({ isModern }) => speaksModern || !isModern)

  describe.each(able)('called by a client of $client', ({ connect }) => {
    it('tells a tool on whose behalf it runs', async () => {
      const client = await start(await adasHeaders())
      expect(await client.call('whoami', {})).toEqual({ text: 'ada by direct' })
    })

    it('tells it of the user behind a gateway', async () => {
      const headers = await forwardedHeaders(await adasToken({ client_id: 'gateway-client' }))
      const client = await start(headers)
      expect(await client.call('whoami', {})).toEqual({ text: 'ada by forwarded' })
    })

    it('gives a user the data of their organization, and of no other', async () => {
      const client = await start(await adasHeaders())
      const own = await client.call('list_invoices', { orgId: 'acme' })
      expect(own).toEqual({ text: 'invoices of acme' })
      const foreign = await client.call('list_invoices', { orgId: 'globex' })
      expect(foreign.refused).toBe('org_mismatch')
    })

    it('lists no tool for which an organization is needed to someone without one', async () => {
      const client = await start(await adasHeaders({ org_id: undefined }))
      expect(await client.listTools()).toEqual(['whoami'])
    })

    async function start(headers: Record<string, string>): Promise<McpClient> {
      const url = await serve(await mount(authenticator))
      const client = await connect(new URL('/mcp', url), headers)
      onTestFinished(() => client.close())
      return client
    }
  })

  it('answers no message without a credential, by any method', async () => {
    const url = new URL('/mcp', await serve(await mount(authenticator)))
    for (const method of ['POST', 'GET', 'DELETE']) {
      const { status, headers } = await fetch(url, { method })
      expect([method, status]).toEqual([method, 401])
      expect(headers.get('www-authenticate')).toMatch(/^Bearer /)
    }
  })
})
