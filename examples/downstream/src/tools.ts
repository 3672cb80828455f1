import { McpServer } from '@modelcontextprotocol/server'
import { type Downstream, path } from '@onbehalf/downstream'
import { requireOrg, requireUser } from '@onbehalf/mcp'
import { z } from 'zod'

/** Builds the server that answers one request. Its tools call the API, and hold no token. */
export function createServer({ books }: Downstream<'books'>): McpServer {
  const server = new McpServer({ name: 'books', version: '1.0.0' })

  server.registerTool(
    'whoami',
    { description: 'Tells whom the API behind this server serves', inputSchema: z.object({}) },
    requireUser(async (_args, ctx) => reply(await books.fetch(ctx, '/whoami'))),
  )

  server.registerTool(
    'list_invoices',
    {
      description: 'Lists the invoices of your organization',
      inputSchema: z.object({ month: z.string().optional() }),
    },
    requireOrg(async ({ month }, ctx) =>
      reply(await books.fetch(ctx, month ? path`/invoices?month=${month}` : '/invoices')),
    ),
  )

  server.registerTool(
    'read_ledger',
    {
      description: 'Reads the ledger of the organization you name',
      inputSchema: z.object({ orgId: z.string() }),
    },
    // The model wrote `orgId`: it has to be an organization of the caller.
    requireOrg({ match: (args) => args.orgId }, async (_args, ctx) =>
      reply(await books.fetch(ctx, '/invoices')),
    ),
  )

  server.registerTool(
    'find_invoice',
    {
      description: 'Finds an invoice by its number',
      inputSchema: z.object({ number: z.string() }),
    },
    // Numbers belong to organizations, and this server does not know to which: the database does.
    requireUser(async ({ number }, ctx) =>
      reply(await books.fetch(ctx, path`/invoices?number=${number}`)),
    ),
  )

  server.registerTool(
    'close_books',
    {
      description: 'Closes a month for your organization',
      inputSchema: z.object({ month: z.string() }),
    },
    requireOrg({ roles: 'controller' }, async ({ month }, ctx) =>
      reply(await books.fetch(ctx, path`/months/${month}/closing`, { method: 'POST' })),
    ),
  )

  return server
}

async function reply(answer: Response) {
  return {
    content: [{ type: 'text' as const, text: await answer.text() }],
    ...(!answer.ok && { isError: true }),
  }
}
