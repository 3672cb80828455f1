import { hostHeaderValidation } from '@modelcontextprotocol/hono'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { type Authenticator, createAuthenticator, direct, issuer } from '@onbehalf/core'
import { protectedHandler } from '@onbehalf/mcp'
import { Hono } from 'hono'
import { createServer } from './tools.ts'

export interface Settings {
  /** Public URL of this server. */
  readonly resource: string
  /** Exact `iss` of the tokens. */
  readonly issuer: string
  /** What the issuer writes into `aud` for this server. */
  readonly audience: string
}

/** The application, for any runtime that serves web requests. */
export function createApp(settings: Settings): { app: Hono; authenticator: Authenticator } {
  const { resource, audience } = settings
  // Many providers write `typ: JWT` into access tokens, or nothing.
  const people = issuer({
    iss: settings.issuer,
    audience,
    kind: 'by-client',
    tokenType: 'compatible',
  })
  const authenticator = createAuthenticator({ resource, sources: [direct({ issuer: people })] })

  const mcp = protectedHandler(createMcpHandler, createServer, {
    authenticator,
    onEvent: (event) => {
      if (event.type === 'refused') console.error(`refused: ${event.code} ${event.reason}`)
    },
  })
  const app = new Hono()
  app.use(hostHeaderValidation([new URL(resource).hostname]))
  // The endpoint and, at its own path, the metadata.
  app.all('*', (c) => mcp.fetch(c.req.raw))
  return { app, authenticator }
}
