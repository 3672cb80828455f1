import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { requireBearerAuth as requireBearerAuthV1 } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer, requireBearerAuth } from '@modelcontextprotocol/server'
import { createAuditTrail, fileSink, localSigner } from '@onbehalf/audit'
import {
  type AuditTrail,
  type Authenticator,
  createAuthenticator,
  direct,
  issuer,
} from '@onbehalf/core'
import { protect, protectedHandler, requireOrg } from '@onbehalf/mcp'
import express, { type RequestHandler } from 'express'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { z } from 'zod'
import { type Fixture, gatewayClient, issuerName, resource } from '../tokens/fixture.ts'

export type Generation = 'v1' | 'v2'
/** Of each generation, the first one is what the others are compared with. */
export const subjects = [
  'bare SDK, verifies nothing',
  'requireBearerAuth of the SDK, jose',
  'Onbehalf, guarded',
  'Onbehalf, guarded and strictly recorded',
] as const
export type CallSubject = (typeof subjects)[number]

export const toolName = 'list_invoices'
const inputSchema = z.object({ call: z.string() })
const info = { name: 'invoices', version: '1.0.0' }
const answer = async ({ call }: { readonly call: string }) => ({
  content: [{ type: 'text' as const, text: call }],
})

/** A server with one tool, which answers with the name of the call. Not listening yet. */
export async function createSubject(
  generation: Generation,
  subject: CallSubject,
  fixture: Fixture,
  directory: string,
): Promise<Server> {
  const isRecorded = subject === 'Onbehalf, guarded and strictly recorded'
  const audit = isRecorded ? await createTrail(directory) : undefined
  const serve = generation === 'v1' ? serveV1 : serveV2
  return serve(subject, fixture, audit)
}

async function createTrail(directory: string): Promise<AuditTrail> {
  const signer = await localSigner(join(directory, 'key.pem'))
  const sink = fileSink({ directory: join(directory, 'log'), signer })
  await sink.ready()
  return createAuditTrail({ mode: 'strict', key: Buffer.alloc(32, 1), sink })
}

function authenticatorOf({ algorithm, jwk }: Fixture): Authenticator {
  const keys = { jwks: { keys: [jwk] } }
  const people = issuer({
    iss: issuerName,
    audience: resource,
    kind: 'by-client',
    algorithms: [algorithm],
    keys,
  })
  return createAuthenticator({ resource, sources: [direct({ issuer: people })] })
}

/** What one would write without Onbehalf. */
function joseVerifier({ algorithm, jwk }: Fixture) {
  const keys = createLocalJWKSet({ keys: [jwk] })
  const rules = { issuer: issuerName, audience: resource, algorithms: [algorithm], typ: 'at+jwt' }
  return {
    verifyAccessToken: async (token: string) => {
      const { payload } = await jwtVerify(token, keys, rules)
      const { scope, exp = 0 } = payload
      const scopes = String(scope).split(' ')
      return { token, clientId: gatewayClient, scopes, expiresAt: exp, extra: payload }
    },
  }
}

/** As the examples of the SDK do it without sessions: a server and a transport for each request. */
function serveV1(subject: CallSubject, fixture: Fixture, audit: AuditTrail | undefined): Server {
  const authenticator = authenticatorOf(fixture)
  const isGuarded = subject.startsWith('Onbehalf')
  const options = { authenticator, ...(audit && { audit }) }
  const create = (): McpServerV1 => {
    const server = new McpServerV1(info)
    if (isGuarded) protect(server, options)
    server.registerTool(toolName, { inputSchema }, isGuarded ? requireOrg(answer) : answer)
    return server
  }
  const app = express().use(express.json())
  if (subject.startsWith('requireBearerAuth')) {
    app.use(requireBearerAuthV1({ verifier: joseVerifier(fixture) }))
  }
  const handle: RequestHandler = async (req, res) => {
    const server = create()
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true } as never)
    res.on('close', () => void server.close())
    await server.connect(transport as never)
    await transport.handleRequest(req, res, req.body)
  }
  return createServer(app.post('/mcp', handle))
}

function serveV2(subject: CallSubject, fixture: Fixture, audit: AuditTrail | undefined): Server {
  const isGuarded = subject.startsWith('Onbehalf')
  const create = (): McpServer => {
    const server = new McpServer(info)
    server.registerTool(toolName, { inputSchema }, isGuarded ? requireOrg(answer) : answer)
    return server
  }
  if (isGuarded) {
    const options = { authenticator: authenticatorOf(fixture), ...(audit && { audit }) }
    return onNode(protectedHandler(createMcpHandler, create, options))
  }
  const handler = createMcpHandler(create)
  if (!subject.startsWith('requireBearerAuth')) return onNode(handler)
  const gate = requireBearerAuth({ verifier: joseVerifier(fixture) })
  const fetch: typeof handler.fetch = async (request, rest) => {
    const authInfo = await gate(request)
    if (authInfo instanceof Response) return authInfo
    return handler.fetch(request, { ...rest, authInfo })
  }
  return onNode({ fetch })
}

function onNode(handler: Parameters<typeof toNodeHandler>[0]): Server {
  const handle = toNodeHandler(handler)
  return createServer((req, res) => void handle(req as never, res))
}
