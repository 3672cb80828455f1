import type {
  McpHttpHandler,
  McpServer,
  McpServerFactory,
  ServerContext,
} from '@modelcontextprotocol/server'
import type { AuditTrail, Authenticator } from '@onbehalf/core'
import { organization, user } from '@onbehalf/core/guards'
import { authenticate } from '@onbehalf/express'
import {
  callerKey,
  type ProtectableServer,
  protect,
  protectedHandler,
  requireAll,
  requireOrg,
  requireRole,
} from '@onbehalf/mcp'
import type { RequestHandler } from 'express'

type Handler = (...params: never[]) => unknown

/** Everything that Onbehalf puts around a server; or nothing at all. */
export interface Guarding {
  /** In front of the MCP endpoint. */
  readonly middleware: readonly RequestHandler[]
  server<S extends ProtectableServer>(server: S): S
  /** For a server that `entry` is to guard. */
  early<S extends ProtectableServer>(server: S): S
  entry(
    create: (factory: McpServerFactory) => McpHttpHandler,
    createServer: () => McpServer,
  ): McpHttpHandler
  tool<H extends Handler>(handler: H): H
  resource<H extends Handler>(handler: H): H
  prompt<H extends Handler>(handler: H): H
  /** For the codec of request state. */
  readonly bind?: (context: ServerContext) => string
}

const same = <T>(value: T): T => value

export const bare: Guarding = {
  middleware: [],
  server: same,
  early: same,
  entry: (create, createServer) => create(createServer),
  tool: same,
  resource: same,
  prompt: same,
}

/** A guard of another kind for each kind of item, and a record of every call. */
export function guardedBy(authenticator: Authenticator<unknown>, audit: AuditTrail): Guarding {
  return {
    middleware: [authenticate(authenticator)],
    server: (server) => protect(server, { audit }),
    early: (server) => protect(server),
    entry: (create, createServer) =>
      protectedHandler(create, createServer, { authenticator: null, audit }),
    tool: alike((handler) => requireOrg('acme', handler)),
    resource: alike((handler) => requireAll([user(), organization({ ids: 'acme' })], handler)),
    prompt: alike((handler) => requireRole('tester', handler)),
    bind: callerKey,
  }
}

/** A wrapper, for handlers of whatever shape. */
function alike(wrap: (handler: never) => unknown): <H extends Handler>(handler: H) => H {
  return <H extends Handler>(handler: H) => wrap(handler as never) as H
}
