import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { check } from '@onbehalf/core/guards'
import {
  allowPublic,
  guarded,
  protect,
  protectedHandler,
  requireOrg,
  requireScope,
  requireUser,
} from '@onbehalf/mcp'
import {
  type LocalIssuer,
  type LocalIssuerOptions,
  createLocalIssuer as startIssuer,
} from '@onbehalf/testing'
import { z } from 'zod'

// What docs/prelude.ts declares for the blocks of docs/testing.md, and a collector of their tests.

const info = { name: 'invoices', version: '1.0.0' }
const none = z.object({})
const reply = (text: string) => ({ content: [{ type: 'text' as const, text }] })
const controllers = { roles: 'controller' } as const

export function createBooks(): McpServer {
  const server = new McpServer(info)
  addBooks(server)
  return server
}

function addBooks(server: McpServer): void {
  const [month, orgId] = [z.object({ month: z.string() }), z.object({ orgId: z.string() })]
  server.registerTool(
    'close_books',
    { inputSchema: month },
    requireOrg(controllers, async (args, { identity }) =>
      reply(`${identity.organization.id} closed ${args.month}`),
    ),
  )
  server.registerTool(
    'read_ledger',
    { inputSchema: orgId },
    requireOrg({ match: (args) => args.orgId }, async () => reply('ledger')),
  )
}

export function createServer(): McpServer {
  const server = protect(new McpServer(info))
  addBooks(server)
  const tools = {
    list_invoices: requireOrg(async () => reply('invoices')),
    sign: requireUser(async () => reply('signed')),
    read_notes: requireScope('notes:read', async () => reply('notes')),
    open_office: guarded(
      check('employee', ({ claims }) => claims['employee'] === true),
      async () => reply('open'),
    ),
    health: allowPublic(async () => reply('ok')),
  }
  for (const [name, handler] of Object.entries(tools)) {
    server.registerTool(name, { inputSchema: none }, handler as never)
  }
  const text = 'pay'
  server.registerPrompt(
    'remind',
    {},
    requireOrg(async () => ({
      messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }],
    })) as never,
  )
  const uri = 'ledger://acme'
  server.registerResource(
    'ledger',
    uri,
    {},
    requireOrg('acme', async () => ({ contents: [{ uri, text }] })) as never,
  )
  return server
}

export const resource = 'https://server.test/mcp'

let started: LocalIssuer | undefined

/** The issuer that the page starts: `mcp` trusts it. */
export async function createLocalIssuer(options: LocalIssuerOptions): Promise<LocalIssuer> {
  started = await startIssuer(options)
  return started
}

export function stopIssuer(): Promise<void> | undefined {
  return started?.close()
}

export const mcp = {
  fetch: (request: Request): Promise<Response> => {
    const people = issuer({ iss: started?.issuer ?? '', audience: resource, kind: 'by-client' })
    const authenticator = createAuthenticator({ resource, sources: [direct({ issuer: people })] })
    return protectedHandler(createMcpHandler, createServer, { authenticator }).fetch(request)
  },
}

export const tests: { readonly name: string; readonly run: () => Promise<void> }[] = []

/** In place of the runner's: the page's tests run in one of ours. */
export function test(name: string, run: () => Promise<void>): void {
  tests.push({ name, run })
}
