import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from '@modelcontextprotocol/client'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { type Authenticator, createAuthenticator, direct, issuers } from '@onbehalf/core'
import { protectedHandler, requireOrg } from '@onbehalf/mcp'
import { createLocalGateway, createLocalIssuer, type GatewayHop } from '@onbehalf/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

const gatewayResource = 'https://gateway.example.com/invoices/o/{organization}/mcp'
const serverResource = 'https://mcp.example.com/o/{organization}/mcp'
const at = (resource: string, organization: string): string =>
  resource.replace('{organization}', organization)

/** An issuer on a list, a gateway that passes tokens through, and a server behind it that verifies them again. */
async function startWorld() {
  const issuer = await createLocalIssuer({
    users: [],
    clients: [],
    resources: [],
    alg: 'ES256',
  })
  onTestFinished(() => issuer.close())
  const list = new Map([[issuer.issuer, { jwksUri: issuer.jwksUri }]])
  const time = { seconds: 0 }
  const authenticatorOf = (resource: string): Authenticator =>
    createAuthenticator({
      resource,
      sources: [
        direct({
          issuer: issuers({
            find: async (iss) => list.get(iss),
            audience: resource,
            kind: 'by-client',
            algorithms: ['ES256'],
            monotonic: () => time.seconds,
          }),
        }),
      ],
    })
  const ran: string[] = []
  const createMcpServer = (): McpServer => {
    const server = new McpServer({ name: 'invoices', version: '1.0.0' })
    const show = requireOrg({ match: 'path' }, async (_args: object, { identity }) => {
      ran.push(`${identity.subject} of ${identity.organization.id}`)
      return { content: [{ type: 'text' as const, text: identity.organization.id }] }
    })
    server.registerTool('show', { inputSchema: z.object({}) }, show)
    return server
  }
  const handler = protectedHandler(createMcpHandler, createMcpServer, {
    authenticator: authenticatorOf(serverResource),
  })
  const http = createServer(toNodeHandler(handler) as never)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => http.close().closeAllConnections())
  const server = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const hops: GatewayHop[] = []
  const gateway = await createLocalGateway({
    authenticator: authenticatorOf(gatewayResource),
    targets: [
      {
        name: 'invoices',
        type: 'httpPassthrough',
        endpoint: server,
        credential: { type: 'passthrough' },
      },
    ],
    onHop: (hop) => hops.push(hop),
  })
  onTestFinished(() => gateway.close())
  const tokenOf = (organization: string, claims: object = {}): Promise<string> =>
    issuer.minter.mint({
      sub: 'ada',
      client_id: 'agent',
      org_id: organization,
      aud: [at(gatewayResource, organization), at(serverResource, organization)],
      ...claims,
    })
  return { gateway, server, hops, ran, list, time, tokenOf, issuer }
}

const urlAt = (base: string, organization: string): URL =>
  new URL(`${base}/invoices/o/${organization}/mcp`)

function post(url: URL | string, token: string): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'show', arguments: {} },
    }),
  })
}

describe('a target that passes the token through', () => {
  it.each(['v1', 'v2'] as const)('serves real clients of SDK %s', async (generation) => {
    const { gateway, ran, hops, tokenOf } = await startWorld()
    const info = { name: 'client', version: '1.0.0' }
    const client = generation === 'v1' ? new ClientV1(info) : new ClientV2(info)
    const Transport = (generation === 'v1' ? HttpV1 : HttpV2) as typeof HttpV2
    const token = await tokenOf('acme')
    const headers = { authorization: `Bearer ${token}` }
    onTestFinished(() => client.close())
    await client.connect(
      new Transport(urlAt(gateway.url, 'acme'), { requestInit: { headers } }) as never,
    )
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['show'])
    const { content } = (await client.callTool({ name: 'show' })) as { content: unknown }
    expect(content).toEqual([{ type: 'text', text: 'acme' }])
    expect(ran).toEqual(['ada of acme'])
    // Unchanged, at the gateway and behind it.
    const audience = ['acme'].flatMap((name) => [
      at(gatewayResource, name),
      at(serverResource, name),
    ])
    const called = hops.find(({ tool }) => tool === 'show')
    expect(called?.outbound.tokens['authorization']?.audience).toEqual(audience)
  })

  it('refuses a token of one organization at the path of another, in front and behind', async () => {
    const { gateway, server, ran, hops, tokenOf } = await startWorld()
    const token = await tokenOf('acme')
    const inFront = await post(urlAt(gateway.url, 'globex'), token)
    const path = '/.well-known/oauth-protected-resource'
    expect(inFront.status).toBe(401)
    expect(inFront.headers.get('www-authenticate')).toContain(
      `resource_metadata="https://gateway.example.com${path}/invoices/o/globex/mcp"`,
    )
    const behind = await post(`${server}/o/globex/mcp`, token)
    expect(behind.status).toBe(401)
    expect(behind.headers.get('www-authenticate')).toContain(
      `resource_metadata="https://mcp.example.com${path}/o/globex/mcp"`,
    )
    expect([ran, hops]).toEqual([[], []])
  })

  it('refuses the tokens of an issuer that was removed while they live', async () => {
    const { gateway, ran, list, time, tokenOf } = await startWorld()
    const token = await tokenOf('acme')
    expect((await post(urlAt(gateway.url, 'acme'), token)).status).toBe(200)
    list.clear()
    time.seconds = 60
    expect((await post(urlAt(gateway.url, 'acme'), token)).status).toBe(401)
    expect(ran).toEqual(['ada of acme'])
  })

  it('refuses a tenant that is not on the list', async () => {
    const { gateway, ran, tokenOf } = await startWorld()
    const token = await tokenOf('acme', { iss: 'https://id.initech.example' })
    expect((await post(urlAt(gateway.url, 'acme'), token)).status).toBe(401)
    expect(ran).toEqual([])
  })

  it('lets no path lead elsewhere', async () => {
    const { gateway, ran, tokenOf } = await startWorld()
    const token = await tokenOf('acme')
    for (const path of ['/invoices/mcp', '/other/o/acme/mcp', '/invoices/o/acme%2Fmcp']) {
      expect((await post(`${gateway.url}${path}`, token)).status).toBe(404)
    }
    expect(ran).toEqual([])
  })
})
