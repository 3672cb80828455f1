/** A guarded tool call through the MCP SDK, against the same call without Onbehalf. */
import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport, McpServer } from '@modelcontextprotocol/server'
import { protect, requireOrg } from '@onbehalf/mcp'
import { z } from 'zod'
import { adasInfo } from './ada.ts'
import { compare } from './compare.ts'

const inputSchema = z.object({ month: z.string() })
const answer = { content: [{ type: 'text' as const, text: 'ok' }] }

async function connect(server: McpServer): Promise<Client> {
  const [clientSide, serverSide] = InMemoryTransport.createLinkedPair()
  const send = clientSide.send.bind(clientSide)
  clientSide.send = (message, options) => send(message, { ...options, authInfo: adasInfo })
  const client = new Client({ name: 'bench', version: '1.0.0' })
  await server.connect(serverSide)
  await client.connect(clientSide)
  return client
}

const bare = new McpServer({ name: 'bare', version: '1.0.0' })
bare.registerTool('list_invoices', { inputSchema }, async () => answer)
const guarded = protect(new McpServer({ name: 'guarded', version: '1.0.0' }))
guarded.registerTool(
  'list_invoices',
  { inputSchema },
  requireOrg(async () => answer),
)

const call = { name: 'list_invoices', arguments: { month: '2026-11' } }
const [bareClient, guardedClient] = [await connect(bare), await connect(guarded)]
await compare('tools/call in memory', [
  { name: 'bare SDK', run: () => bareClient.callTool(call) },
  { name: 'protect + requireOrg', run: () => guardedClient.callTool(call) },
])
process.exit(0)
