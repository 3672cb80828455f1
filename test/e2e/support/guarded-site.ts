import { createServer, type Server } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { type AuditTrail, createAuthenticator, direct, issuer } from '@onbehalf/core'
import { authenticate } from '@onbehalf/express'
import { protect, requireOrg } from '@onbehalf/mcp'
import type { JSONWebKeySet } from 'jose'
import { z } from 'zod'

const people = 'https://people.example.com'
const resource = 'https://mcp.example.com/mcp'
export const toolName = 'list_invoices'
export const inputSchema = z.object({ call: z.string() })

/** Who calls: claims of a token, and its issuer. */
export const ada = { sub: 'ada', aud: resource, client_id: 'agents', org: 'acme' }
export const adasIssuer = { issuer: people }

export interface GuardedSiteOptions {
  readonly jwks: JSONWebKeySet
  readonly audit?: AuditTrail | undefined
  /** What the tool does with the name of a call. */
  readonly run?: (call: string) => void | Promise<void>
}

/** A guarded MCP server with one tool, which answers with the name of the call. Not listening yet. */
export function createGuardedSite({ jwks, audit, run }: GuardedSiteOptions): Server {
  const audited = audit === undefined ? {} : { audit }
  const keys = { jwks: jwks as never }
  const claimMap = { organization: 'org' }
  const authenticator = createAuthenticator({
    resource,
    sources: [
      direct({
        issuer: issuer({ iss: people, audience: resource, kind: 'by-client', keys, claimMap }),
      }),
    ],
    ...audited,
  })
  const createMcpServer = (): McpServer => {
    const server = protect(new McpServer({ name: 'invoices', version: '1.0.0' }), audited)
    server.registerTool(
      toolName,
      { inputSchema },
      requireOrg(async ({ call }) => {
        await new Promise((resolve) => setImmediate(resolve))
        await run?.(call)
        return { content: [{ type: 'text', text: call }] }
      }),
    )
    return server
  }
  const admit = authenticate(authenticator)
  const handle = toNodeHandler(createMcpHandler(createMcpServer))
  return createServer((req, res) => admit(req, res, () => void handle(req as never, res)))
}
