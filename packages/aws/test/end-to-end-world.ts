import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import {
  clientMetadata,
  forwardInboundToken,
  headers,
  type InterceptorEvent,
  preTokenTrigger,
  requestInterceptor,
} from '@onbehalf/aws'
import {
  createAuthenticator,
  direct,
  enriched,
  forwarded,
  type Issuer,
  issuer,
  plainHeaders,
  type Source,
  sharedSecret,
} from '@onbehalf/core'
import { authenticate } from '@onbehalf/express'
import { protect, requireOrg } from '@onbehalf/mcp'
import {
  createLocalGateway,
  createLocalIssuer,
  type LocalGateway,
  type LocalIssuer,
  type LocalTarget,
} from '@onbehalf/testing'
import express from 'express'
import { z } from 'zod'

export const GATEWAY = 'https://gateway.example.com'
const PROOF = 'X-Interceptor-Proof'
const SECRET = 'k3TqP0vXn8Zr5YbW2LmD7sHc9GfJ4aEu'
export const ways = ['forwarded', 'enriched', 'plainHeaders'] as const
export type Way = (typeof ways)[number]

/** Persons, machines, the gateway with its interceptor, and a server that is reached in three ways. */
export interface World {
  readonly people: LocalIssuer
  readonly machines: LocalIssuer
  readonly gateway: LocalGateway
  /** Where the server takes what comes in a way. */
  serverUrl(way: Way): string
  /** What the server refused, by reason. */
  readonly refused: string[]
  close(): Promise<void>
}

export async function startWorld(): Promise<World> {
  const people = await createLocalIssuer({
    users: [
      { id: 'ada', organization: { id: 'acme' }, roles: ['member'] },
      { id: 'bob', organization: { id: 'globex' }, roles: ['controller'] },
      { id: 'eve' },
    ],
    clients: [
      { id: 'chat-app' },
      { id: 'agent', secret: 'agent-secret', exchange: { from: [GATEWAY], to: [GATEWAY] } },
    ],
    resources: [{ uri: GATEWAY, scopes: ['gateway/invoke'] }],
  })
  const persons = issuer({ iss: people.issuer, audience: GATEWAY, kind: 'by-client' })
  const machines = await startMachines(persons)
  const server = await startServer(persons, machines)
  const gateway = await startGateway(persons, machines, server.url)
  return {
    people,
    machines,
    gateway,
    serverUrl: server.url,
    refused: server.refused,
    close: async () => {
      await gateway.close()
      await server.close()
      await Promise.all([people.close(), machines.close()])
    },
  }
}

/** A user pool for machines, with the trigger of this package. */
async function startMachines(persons: Issuer): Promise<LocalIssuer> {
  const trigger = preTokenTrigger({
    vouchers: { 'agent-gateway': persons },
    withoutUser: 'machine-only',
  })
  await trigger.ready()
  return createLocalIssuer({
    profile: 'cognito',
    users: [],
    clients: ['agent-gateway', 'other-gateway'].map((id) => ({ id, secret: `${id}-secret` })),
    resources: [{ uri: 'https://mcp.example.com/mcp', scopes: ['mcp/invoke'] }],
    preTokenTrigger: trigger,
  })
}

async function startGateway(
  persons: Issuer,
  machines: LocalIssuer,
  serverUrl: (way: Way) => string,
): Promise<LocalGateway> {
  const authenticator = createAuthenticator({
    resource: GATEWAY,
    sources: [direct({ issuer: persons })],
  })
  const client = {
    tokenEndpoint: machines.tokenEndpoint,
    clientId: 'agent-gateway',
    clientSecret: 'agent-gateway-secret',
  }
  const scopes = ['mcp/invoke']
  const interceptor = requestInterceptor({
    authenticator,
    targets: {
      forwarded: forwardInboundToken({ header: 'X-User-Token' }),
      enriched: clientMetadata({ ...client, scopes, metadata: { callerApp: 'chat-app' } }),
      plainHeaders: headers(
        {
          'X-User-Id': ({ subject }) => subject,
          'X-Tenant-Id': ({ organization }) => organization?.id,
          'X-Roles': ({ roles }) => roles,
        },
        { proof: { header: PROOF, secret: SECRET } },
      ),
    },
  })
  await interceptor.ready()
  const machine = { type: 'clientCredentials', provider: client, scopes } as const
  const target = (
    name: Way,
    credential: LocalTarget['credential'],
    allowed: readonly string[],
  ): LocalTarget => ({
    name,
    endpoint: serverUrl(name),
    credential,
    ...(allowed.length > 0 && { metadataConfiguration: { allowedRequestHeaders: allowed } }),
  })
  return createLocalGateway({
    authenticator,
    interceptor: (event) => interceptor(event satisfies InterceptorEvent),
    targets: [
      target('forwarded', machine, ['X-User-Token']),
      target('enriched', { type: 'none' }, []),
      target('plainHeaders', machine, ['X-User-Id', 'X-Tenant-Id', 'X-Roles', PROOF]),
    ],
  })
}

interface StartedServer {
  readonly url: (way: Way) => string
  readonly refused: string[]
  close(): Promise<void>
}

/** One MCP server with a guarded tool, behind an authenticator for each way. */
async function startServer(persons: Issuer, machines: LocalIssuer): Promise<StartedServer> {
  const gateway = issuer({
    iss: machines.issuer,
    audience: null,
    kind: 'by-client',
    clients: ['agent-gateway'],
    scopes: ['mcp/invoke'],
    tokenType: 'compatible',
    requiredClaims: { token_use: 'access' },
  })
  const sources: Record<Way, Source> = {
    forwarded: forwarded({
      header: 'x-user-token',
      issuer: persons,
      gateway: gateway,
      bind: 'trust-gateway',
      gatewayMayList: true,
    }),
    enriched: enriched({ issuer: gateway, userClaim: 'onBehalfOf', gatewayMayList: true }),
    plainHeaders: plainHeaders({
      headers: { subject: 'x-user-id', organization: 'x-tenant-id', roles: 'x-roles' },
      iss: 'https://people.example.com',
      proof: sharedSecret({ header: PROOF, secret: SECRET }),
    }),
  }
  const refused: string[] = []
  const handle = toNodeHandler(createMcpHandler(createInvoices))
  const app = express()
  app.use(express.json())
  for (const way of ways) {
    const authenticator = createAuthenticator({
      resource: `https://mcp.example.com/${way}`,
      sources: [sources[way]],
      onEvent: (event) => {
        if (event.type === 'refused') refused.push(event.reason)
      },
    })
    app.all(`/${way}`, authenticate(authenticator), (req, res) => void handle(req, res, req.body))
  }
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: (way) => `http://127.0.0.1:${port}/${way}`,
    refused,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function createInvoices(): McpServer {
  const server = protect(new McpServer({ name: 'invoices', version: '1.0.0' }))
  server.registerTool(
    'whoami',
    { inputSchema: z.object({}) },
    requireOrg(async (_args, { identity }) => ({
      content: [
        {
          type: 'text',
          text: JSON.stringify({
            person: identity.subject,
            issuer: identity.issuer,
            organization: identity.organization.id,
            roles: identity.roles,
            actor: identity.actor ?? null,
            gateway: identity.gateway?.client ?? null,
          }),
        },
      ],
    })),
  )
  return server
}
