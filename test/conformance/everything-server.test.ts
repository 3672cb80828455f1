import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { denialKey } from '@onbehalf/mcp'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Running } from './listen.ts'
import { serveV1 } from './serve-v1.ts'
import { serveV2 } from './serve-v2.ts'
import { startBare, startGuarded } from './start-server.ts'

async function connect(running: Running): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(running.url))
  onTestFinished(async () => {
    await client.close()
    await running.close()
  })
  return client
}

async function listAll(client: Client) {
  const { tools } = await client.listTools()
  const { resources } = await client.listResources()
  const { resourceTemplates } = await client.listResourceTemplates()
  const { prompts } = await client.listPrompts()
  return { tools, resources, resourceTemplates, prompts }
}

describe.each([
  ['v1', serveV1],
  ['v2', serveV2],
])('the everything server of SDK %s', (_generation, serve) => {
  it('lists the same for a user who may do everything as without guards', async () => {
    const alone = await listAll(await connect(await startBare(serve)))
    const guarded = await listAll(await connect(await startGuarded(serve)))
    expect(guarded).toEqual(alone)
    expect(alone.tools.length).toBeGreaterThan(10)
  })

  it('has a guard on every item, which refuses another user', async () => {
    const client = await connect(await startGuarded(serve, 'eve'))
    expect(await listAll(client)).toEqual({
      tools: [],
      resources: [],
      resourceTemplates: [],
      prompts: [],
    })
    const refused = await client.callTool({ name: 'test_simple_text', arguments: {} })
    expect(refused).toMatchObject({
      isError: true,
      _meta: { [denialKey]: { reason: 'org_mismatch' } },
    })
  })

  it('refuses who does not come through the gateway', async () => {
    const running = await startGuarded(serve)
    onTestFinished(() => running.close())
    const response = await fetch(running.serverUrl, { method: 'POST', body: '{}' })
    expect(response.status).toBe(401)
  })
})
