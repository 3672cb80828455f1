import type { RequestListener } from 'node:http'
import fastifyCors from '@fastify/cors'
import { getRequestListener } from '@hono/node-server'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuthenticator, direct } from '@onbehalf/core'
import { authenticate as onExpress, resourceMetadata as publishOnExpress } from '@onbehalf/express'
import { authenticate as onFastify, resourceMetadata as publishOnFastify } from '@onbehalf/fastify'
import { authenticate as onHono, resourceMetadata as publishOnHono } from '@onbehalf/hono'
import { protectedHandler, requireScope } from '@onbehalf/mcp'
import cors from 'cors'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { cors as honoCors } from 'hono/cors'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { serve } from './support/http.ts'
import { adasHeaders, metadataUrl, people, resource, trusted } from './support/identities.ts'

const authenticator = createAuthenticator({
  resource,
  sources: [direct({ issuer: trusted(people) })],
})
const exposed = ['WWW-Authenticate', 'Mcp-Session-Id']

function createServer(): McpServer {
  const server = new McpServer({ name: 'payments', version: '1.0.0' })
  server.registerTool(
    'pay',
    { inputSchema: z.object({}) },
    requireScope('pay', async () => ({ content: [] })),
  )
  return server
}

const entry = protectedHandler(createMcpHandler, createServer, { authenticator })
const behind = protectedHandler(createMcpHandler, createServer, { authenticator: null })

const toListener = (app: Hono): RequestListener => {
  const listener = getRequestListener((request) => app.fetch(request))
  return (req, res) => void listener(req, res)
}

const ways: Readonly<Record<string, () => RequestListener | Promise<RequestListener>>> = {
  'Express, in front of the adapter': () => {
    const serveMcp = toNodeHandler(behind)
    const app = express()
    app.use(cors({ exposedHeaders: exposed }))
    app.use(publishOnExpress(authenticator))
    app.all('/mcp', onExpress(authenticator), (req, res) => void serveMcp(req, res))
    return app
  },
  'Express, in front of protectedHandler': () => {
    const serveMcp = toNodeHandler(entry)
    const app = express()
    app.use(cors({ exposedHeaders: exposed }))
    app.use((req, res) => void serveMcp(req, res))
    return app
  },
  'Hono, in front of the adapter': () => {
    const app = new Hono()
    app.use(honoCors({ origin: '*', exposeHeaders: exposed }))
    app.use(publishOnHono(authenticator))
    app.all('/mcp', onHono(authenticator), (c) =>
      behind.fetch(c.req.raw, { authInfo: c.get('auth') }),
    )
    return toListener(app)
  },
  'Hono, in front of protectedHandler': () => {
    const app = new Hono()
    app.use(honoCors({ origin: '*', exposeHeaders: exposed }))
    app.all('*', (c) => entry.fetch(c.req.raw))
    return toListener(app)
  },
  'Fastify, in front of the adapter': async () => {
    const serveMcp = toNodeHandler(behind)
    const app = fastify()
    await app.register(fastifyCors, { origin: '*', exposedHeaders: exposed, methods: '*' })
    app.addHook('onRequest', publishOnFastify(authenticator))
    app.all('/mcp', { onRequest: onFastify(authenticator) }, async (request, reply) => {
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value)
      }
      reply.hijack()
      await serveMcp(request.raw as never, reply.raw, request.body)
    })
    await app.ready()
    return (req, res) => app.routing(req, res)
  },
}

const origin = 'https://client.example'

describe.each(Object.entries(ways))('CORS on %s', (_name, mount) => {
  const call = async (headers: Readonly<Record<string, string>>) =>
    fetch(new URL('/mcp', await serve(await mount())), {
      method: 'POST',
      headers: {
        origin,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'pay', arguments: {} },
      }),
    })

  it('answers a preflight, which has no credentials', async () => {
    const response = await fetch(new URL('/mcp', await serve(await mount())), {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,mcp-session-id',
      },
    })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-headers')).toContain('authorization')
  })

  it.each([
    ['no credential', 401, async () => ({})],
    ['a bad token', 401, async () => ({ authorization: 'Bearer a.b.c' })],
    ['a missing scope', 403, () => adasHeaders({ scope: 'read' })],
    ['a call that is allowed', 200, () => adasHeaders({ scope: 'pay' })],
  ])('lets a browser read the answer to %s', async (_what, status, headers) => {
    const response = await call(await headers())
    expect(response.status).toBe(status)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    const readable = response.headers.get('access-control-expose-headers')?.toLowerCase()
    expect(readable).toContain('www-authenticate')
    expect(readable).toContain('mcp-session-id')
  })

  it('leaves one origin on the metadata', async () => {
    const { pathname } = new URL(metadataUrl)
    const url = new URL(pathname, await serve(await mount()))
    const response = await fetch(url, { headers: { origin } })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })
})
