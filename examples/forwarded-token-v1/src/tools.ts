import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import type { Authenticator } from '@onbehalf/core'
import { protect, requireOrg, requireUser } from '@onbehalf/mcp'
import { z } from 'zod'
import { invoicesOf } from './invoices.ts'

/** Builds the server of one session. */
export function createServer(authenticator: Authenticator): McpServer {
  const server = protect(new McpServer({ name: 'invoices', version: '1.0.0' }), {
    authenticator,
  })

  server.registerTool(
    'whoami',
    { description: 'Tells on whose behalf you call', inputSchema: {} },
    requireUser(async (_args, { identity }) =>
      reply({
        user: identity.subject,
        organization: identity.organization?.id ?? null,
        actor: identity.actor?.subject ?? null,
        gateway: identity.gateway?.client ?? null,
        source: identity.source,
      }),
    ),
  )

  server.registerTool(
    'list_invoices',
    {
      description: 'Lists the invoices of your organization',
      inputSchema: { month: z.string().optional() },
    },
    requireOrg(async ({ month }, { identity }) =>
      reply(invoicesOf(identity.organization.id, month)),
    ),
  )

  server.registerTool(
    'read_ledger',
    {
      description: 'Reads the ledger of the organization you name',
      inputSchema: { orgId: z.string() },
    },
    // The model wrote `orgId`: it has to be an organization of the caller.
    requireOrg({ match: (args) => args.orgId }, async ({ orgId }) => reply(invoicesOf(orgId))),
  )

  server.registerTool(
    'close_books',
    {
      description: 'Closes a month for your organization',
      inputSchema: { month: z.string() },
    },
    requireOrg({ roles: 'controller' }, async ({ month }, { identity }) =>
      reply({ closed: month, organization: identity.organization.id, by: identity.subject }),
    ),
  )

  return server
}

function reply(value: unknown): { content: [{ type: 'text'; text: string }] } {
  return { content: [{ type: 'text', text: JSON.stringify(value) }] }
}
