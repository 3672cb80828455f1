import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Call } from './call.ts'
import { describeHeaders, describeHop } from './describe.ts'
import { toOutcome } from './outcome.ts'
import { serverUrl, type Way } from './world.ts'

const toolCount = 4

/** What the gateway does for itself: it may list every tool, and call none. */
export function gatewayCalls(way: Way): readonly Call[] {
  if (way === 'exchange' || way === 'passthrough' || way === 'downstream') return []
  return [
    {
      way,
      caller: 'gateway itself',
      what: 'lists tools, no user',
      expected: `allowed: ${toolCount} tools`,
      run: async (world) => {
        const tools = await world.gateway.listTools(way)
        const verdict = `allowed: ${tools.length} tools`
        return { verdict, answer: '', reached: describeHop(world.lastHop()) }
      },
    },
    {
      way,
      caller: 'gateway itself',
      what: 'calls list_invoices, no user',
      expected: 'org_missing',
      run: async (world) => {
        const authorization = `Bearer ${await world.gateway.machineToken(way)}`
        const client = new Client({ name: 'gateway', version: '1.0.0' })
        const transport = new StreamableHTTPClientTransport(new URL(serverUrl(world, way)), {
          requestInit: { headers: { authorization } },
        })
        await client.connect(transport)
        const result = await client.callTool({ name: 'list_invoices', arguments: {} })
        await client.close()
        return { ...toOutcome(result), reached: describeHeaders({ authorization }) }
      },
    },
  ]
}
