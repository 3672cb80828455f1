// What code blocks of the guide and of docstrings may use without declaring it: the parts of a
// program of your own. `check:docs` compiles every block together with this file.

import type {
  CallToolResult,
  createMcpHandler as createHandler,
  McpHttpHandler,
  McpServer as Server,
  ServerContext,
} from '@modelcontextprotocol/server'
import type {
  StdioServerTransport as StdioTransport,
  serveStdio as serve,
} from '@modelcontextprotocol/server/stdio'
import type { Authenticator, CredentialRequest, Identity, SigningIssuer } from '@onbehalf/core'
import type { WithOrganization } from '@onbehalf/core/guards'
import type { WithIdentity } from '@onbehalf/mcp'
import type { Express, RequestHandler } from 'express'
import type * as zod from 'zod'

type Run<A, N = Identity> = (
  args: A,
  context: WithIdentity<ServerContext, N>,
) => CallToolResult | Promise<CallToolResult>

declare global {
  /** The web server, and what answers MCP requests in it. */
  const app: Express
  const handleMcp: RequestHandler
  const mcp: McpHttpHandler

  /** Who issues tokens of persons, and the gateway's machine tokens. */
  const people: SigningIssuer
  const gateway: SigningIssuer
  const authenticator: Authenticator
  const request: CredentialRequest
  const resource: string
  const clientId: string
  const clientSecret: string
  const interceptorSecret: string

  /** The MCP server, and what its tools do. */
  const McpServer: typeof Server
  const server: Server
  const createServer: () => Server
  const createBooks: () => Server
  const createMcpHandler: typeof createHandler
  const serveStdio: typeof serve
  const StdioServerTransport: typeof StdioTransport
  const z: typeof zod
  const inputSchema: zod.ZodObject<{ month: zod.ZodString; orgId: zod.ZodString }>
  const reply: (value: unknown) => CallToolResult
  const listInvoices: Run<{ month: string }, WithOrganization>
  const closeBooks: Run<{ month: string }, WithOrganization>
  const readLedger: Run<{ orgId: string }, WithOrganization>
  const pay: Run<{ month: string }>
  const audit: Run<object>
  const purge: Run<object>
  const read: Run<object>
  const sign: (subject: string) => CallToolResult
  const ownerOf: (invoice: string) => Promise<string>
}
