import { Client as ClientV2, InMemoryTransport as MemoryV2 } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport as MemoryV1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import { protect, requireOrg } from '@onbehalf/mcp'
import { matchers } from '@onbehalf/testing/vitest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { sendAs } from './support/clients.ts'

expect.extend(matchers)

const info = { name: 'test', version: '1.0.0' }
const inputSchema = z.object({})
const answer = () => ({ content: [] })

describe.each([
  ['SDK v1', startV1],
  ['SDK v2', startV2],
])('the matchers of @onbehalf/testing on results of %s', (_generation, start) => {
  it('see who was refused, and why', async () => {
    const call = await start('eve')
    expect(await call('acme_only')).toBeDenied('org_mismatch')
    expect(await call('acme_only')).not.toBeAllowed()
  })

  it('see who was not', async () => {
    const call = await start('ada')
    expect(await call('acme_only')).toBeAllowed()
    expect(await call('acme_only')).not.toBeDenied()
  })

  it('see a call without an identity', async () => {
    const call = await start(undefined)
    expect(await call('acme_only')).toBeDenied('identity_missing')
  })

  it('tell a failure from both', async () => {
    const call = await start('ada')
    expect(await call('broken')).not.toBeDenied()
    expect(await call('broken')).not.toBeAllowed()
  })
})

type Call = (name: string) => Promise<unknown>

async function startV1(caller: string | undefined): Promise<Call> {
  const server = protect(new McpServerV1(info))
  server.registerTool('acme_only', { inputSchema: {} }, requireOrg('acme', answer))
  server.registerTool('broken', { inputSchema: {} }, fail)
  const [near, far] = MemoryV1.createLinkedPair()
  const client = new ClientV1(info)
  await server.connect(far)
  await client.connect(sendAs(near, caller))
  onTestFinished(() => client.close())
  return (name) => client.callTool({ name, arguments: {} })
}

async function startV2(caller: string | undefined): Promise<Call> {
  const server = protect(new McpServerV2(info))
  server.registerTool('acme_only', { inputSchema }, requireOrg('acme', answer))
  server.registerTool('broken', { inputSchema }, fail)
  const [near, far] = MemoryV2.createLinkedPair()
  const client = new ClientV2(info)
  await server.connect(far)
  await client.connect(sendAs(near, caller))
  onTestFinished(() => client.close())
  return (name) => client.callTool({ name, arguments: {} })
}

function fail(): never {
  throw new Error('out of order')
}
