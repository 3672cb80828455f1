import { McpServer } from '@modelcontextprotocol/server'
import { requireOrg, requireUser } from '@onbehalf/mcp'
import { z } from 'zod'

/** Builds the server that answers one request. */
export function createServer(): McpServer {
  const server = new McpServer({ name: 'invoices', version: '1.0.0' })

  server.registerTool(
    'whoami',
    { description: 'Tells on whose behalf you call', inputSchema: z.object({}) },
    requireUser(async (_args, { identity }) =>
      reply({ user: identity.subject, organization: identity.organization?.id ?? null }),
    ),
  )

  server.registerTool(
    'read_ledger',
    {
      description: 'Reads the ledger of the organization you name',
      inputSchema: z.object({ orgId: z.string() }),
    },
    // The model wrote `orgId`: it has to be an organization of the caller.
    requireOrg({ match: (args) => args.orgId }, async ({ orgId }) => reply({ ledgerOf: orgId })),
  )

  return server
}

function reply(value: unknown): { content: [{ type: 'text'; text: string }] } {
  return { content: [{ type: 'text', text: JSON.stringify(value) }] }
}
