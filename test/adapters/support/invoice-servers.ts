import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import { protect, requireOrg, requireUser } from '@onbehalf/mcp'
import { z } from 'zod'

const info = { name: 'invoices', version: '1.0.0' }

export function createV1(): McpServerV1 {
  return addTools(new McpServerV1(info))
}

export function createV2(): McpServerV2 {
  return addTools(new McpServerV2(info))
}

/** Registers guarded tools on a server of either generation. */
export function addTools<S extends McpServerV1 | McpServerV2>(unprotected: S): S {
  // Of both generations this registers alike; the types of one of them do for the test.
  const server = protect(unprotected) as McpServerV1
  server.registerTool(
    'whoami',
    { inputSchema: z.object({}) },
    requireUser(async (_args, { identity }) => reply(`${identity.subject} by ${identity.source}`)),
  )
  server.registerTool(
    'list_invoices',
    { inputSchema: z.object({ orgId: z.string() }) },
    requireOrg({ match: ({ orgId }) => orgId }, async (_args, { identity }) =>
      reply(`invoices of ${identity.organization.id}`),
    ),
  )
  return unprotected
}

function reply(text: string) {
  return { content: [{ type: 'text' as const, text }] }
}
