import { hostHeaderValidation } from '@modelcontextprotocol/hono'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { type Authenticator, createAuthenticator, direct, issuer } from '@onbehalf/core'
import { authenticate, resourceMetadata } from '@onbehalf/hono'
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
  const people = issuer({ iss: settings.issuer, audience, tokenType: 'compatible' })
  const authenticator = createAuthenticator({ resource, sources: [direct({ issuer: people })] })

  const mcp = createMcpHandler(createServer)
  const app = new Hono()
  app.use(hostHeaderValidation([new URL(resource).hostname]))
  app.use(resourceMetadata(authenticator))
  app.all(
    '/mcp',
    authenticate(authenticator, {
      onRefusal: ({ code, reason }) => console.error(`refused: ${code} ${reason}`),
    }),
    (c) => mcp.fetch(c.req.raw, { authInfo: c.get('auth') }),
  )
  return { app, authenticator }
}
