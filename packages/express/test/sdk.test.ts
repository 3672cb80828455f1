import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { checkResourceAllowed } from '@modelcontextprotocol/sdk/shared/auth-utils.js'
import { createMcpHandler, McpServer, requireScopes } from '@modelcontextprotocol/server'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { authenticate, identityOf } from '@onbehalf/express'
import type express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { serve } from '../../../test/adapters/support/http.ts'
import {
  adasHeaders,
  authenticator,
  metadataUrl,
  resource,
} from '../../../test/adapters/support/identities.ts'
import { frameworks } from './frameworks.ts'

/** What one call left behind: the request it came in, and what the tool was given. */
interface Observed {
  req?: express.Request & { auth?: unknown }
  authInfo?: unknown
  ran?: boolean
}

describe.each(frameworks)('on %s', (_name, framework) => {
  describe.each([
    ['SDK v1', withV1],
    ['SDK v2', withV2],
  ])('a tool of %s', (_generation, mount) => {
    it('is given the very record that the middleware made', async () => {
      const { client, observed } = await start(mount)
      await client.callTool({ name: 'whoami', arguments: {} })
      expect(observed.authInfo).toBeDefined()
      expect(observed.authInfo).toBe(observed.req?.auth)
      expect(identityOfAuthInfo(observed.authInfo)?.subject).toBe('ada')
      expect(identityOfAuthInfo(observed.authInfo)).toBe(identityOf(observed.req ?? {}))
    })

    it('finds in it what the SDK reads', async () => {
      const { client, observed } = await start(mount)
      await client.callTool({ name: 'whoami', arguments: {} })
      const info = observed.authInfo as { resource: URL; expiresAt: number }
      expect(info).toMatchObject({ clientId: 'agent', scopes: ['mcp:read'], token: '' })
      expect(info.expiresAt - Date.now() / 1000).toBeGreaterThan(200)
      expect(
        checkResourceAllowed({
          requestedResource: info.resource,
          configuredResource: new URL(resource),
        }),
      ).toBe(true)
    })

    it('is not reached without a credential', async () => {
      const { url, observed } = await mountOn(mount)
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami' } }
      const response = await fetch(new URL('/mcp', url), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify(call),
      })
      expect(response.status).toBe(401)
      expect(observed).toEqual({})
    })
  })

  it('lets a scope challenge of SDK v2 name our metadata', async () => {
    const { client, observed } = await start(withV2)
    const refused = client.callTool({ name: 'write', arguments: {} })
    await expect(refused).rejects.toMatchObject({
      name: 'InsufficientScopeError',
      requiredScope: 'mcp:write',
      resourceMetadataUrl: new URL(metadataUrl),
    })
    expect(observed.ran).toBeUndefined()
  })

  async function mountOn(mount: typeof withV1): Promise<{ url: URL; observed: Observed }> {
    const observed: Observed = {}
    const app = framework()
    app.use(authenticate(authenticator), framework.json())
    app.use((req, _res, next) => {
      observed.req = req
      next()
    })
    mount(app, observed)
    return { url: await serve(app), observed }
  }

  async function start(mount: typeof withV1): Promise<{ client: Client; observed: Observed }> {
    const { url, observed } = await mountOn(mount)
    const client = new Client({ name: 'test', version: '1.0.0' })
    const requestInit = { headers: await adasHeaders() }
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url), { requestInit }))
    onTestFinished(() => client.close())
    return { client, observed }
  }
})

function withV1(app: express.Express, observed: Observed): void {
  app.post('/mcp', async (req, res) => {
    const server = new McpServerV1({ name: 'test', version: '1.0.0' })
    server.registerTool('whoami', { inputSchema: {} }, (_args, extra) => {
      observed.authInfo = extra.authInfo
      return { content: [] }
    })
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    await server.connect(transport as Parameters<typeof server.connect>[0])
    await transport.handleRequest(req, res, req.body)
  })
}

function withV2(app: express.Express, observed: Observed): void {
  const handle = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name: 'test', version: '1.0.0' })
      server.registerTool('whoami', { inputSchema: z.object({}) }, (_args, ctx) => {
        observed.authInfo = ctx.http?.authInfo
        return { content: [] }
      })
      const scopeChallenge = requireScopes('mcp:write')
      server.registerTool('write', { inputSchema: z.object({}), scopeChallenge }, () => {
        observed.ran = true
        return { content: [] }
      })
      return server
    }),
  )
  app.post('/mcp', (req, res) => void handle(req, res, req.body))
}
