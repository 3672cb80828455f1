import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import {
  allowPublic,
  type ProtectableServer,
  protect,
  requireOrg,
  requireScope,
} from '@onbehalf/mcp'
import { z } from 'zod'

const info = { name: 'invoices', version: '1.0.0' }
const reply = (text: string) => ({ content: [{ type: 'text' as const, text }] })

export type Generation = 'v1' | 'v2'

export function createBare(generation: Generation): ProtectableServer {
  return generation === 'v1' ? new McpServerV1(info) : new McpServerV2(info)
}

/** A protected server whose tools, prompt and resource have guards. */
export function createServer(generation: Generation): ProtectableServer {
  const server = protect(createBare(generation)) as unknown as McpServerV2
  const inputSchema = z.object({ orgId: z.string().optional() })
  server.registerTool(
    'list_invoices',
    { inputSchema },
    requireOrg(async (_args, { identity }) =>
      reply(`${identity.organization.id} for ${identity.subject}`),
    ),
  )
  server.registerTool(
    'close_books',
    { inputSchema },
    requireOrg({ roles: 'controller' }, async () => reply('closed')),
  )
  server.registerTool(
    'read_ledger',
    { inputSchema },
    requireOrg({ match: (args) => args.orgId ?? '' }, async () => reply('ledger')),
  )
  server.registerTool(
    'send',
    { inputSchema },
    requireScope('mail:send', async () => reply('sent')),
  )
  server.registerTool(
    'health',
    { inputSchema },
    allowPublic(async () => reply('ok')),
  )
  server.registerTool('broken', { inputSchema }, async () => {
    throw new Error('out of order')
  })
  server.registerPrompt(
    'remind',
    {},
    requireOrg(async () => ({
      messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'pay' } }],
    })) as never,
  )
  server.registerResource(
    'ledger',
    'ledger://acme',
    {},
    requireOrg('acme', async () => ({
      contents: [{ uri: 'ledger://acme', text: 'pages' }],
    })) as never,
  )
  return server as unknown as ProtectableServer
}
