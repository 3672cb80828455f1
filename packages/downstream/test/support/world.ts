import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAuthenticator, direct, type Identity, issuer } from '@onbehalf/core'
import { createLocalIssuer, type LocalIssuer } from '@onbehalf/testing'

export const resource = 'https://mcp.example.com/mcp'
export const apiResource = 'https://ledger.example.com'
const otherResource = 'https://mail.example.com'
export const secret = 'secret-of-the-mcp-server'

/** A server on loopback, and how to end it. */
export interface LoopbackServer {
  readonly url: string
  close(): Promise<void>
}

type Listener = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>

export async function serve(listener: Listener): Promise<LoopbackServer> {
  const server = createServer((req, res) => {
    void Promise.resolve(listener(req, res)).catch(() => res.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

export function json(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: object = {},
): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers })
  res.end(JSON.stringify(body))
}

export function createIssuer(users: readonly string[] = ['ada', 'bob']): Promise<LocalIssuer> {
  return createLocalIssuer({
    users: users.map((id) => ({ id, organization: { id: 'acme' } })),
    clients: [
      { id: 'web', resources: [resource] },
      {
        id: 'mcp-server',
        secret,
        exchange: { from: [resource], to: [apiResource, otherResource] },
        resources: [apiResource],
      },
    ],
    resources: [
      { uri: resource, scopes: ['mcp'] },
      { uri: apiResource, scopes: ['ledger.read', 'ledger.write'] },
      { uri: otherResource, scopes: ['mail.read'] },
    ],
  })
}

/** The authenticator of this server. */
export function createMcpAuthenticator(of: LocalIssuer, clock?: () => number) {
  return createAuthenticator({
    resource,
    ...(clock && { clock }),
    sources: [
      direct({ issuer: issuer({ iss: of.issuer, audience: resource, kind: 'by-client' }) }),
    ],
  })
}

/** An API that says whom its token is for. Paths under `/status/` answer with that status first. */
export interface Ledger extends LoopbackServer {
  /** What arrived, in order. */
  readonly requests: {
    readonly path: string
    readonly token: string
    readonly identity: Identity
  }[]
}

export async function createLedger(of: LocalIssuer): Promise<Ledger> {
  const authenticator = createAuthenticator({
    resource: apiResource,
    sources: [
      direct({ issuer: issuer({ iss: of.issuer, audience: apiResource, kind: 'by-client' }) }),
    ],
  })
  const requests: Ledger['requests'][number][] = []
  const server = await serve(async (req, res) => {
    const identity = await authenticator.authenticate(req).catch(() => undefined)
    if (identity === undefined) return json(res, 401, { error: 'invalid_token' })
    const token = String(req.headers.authorization).slice('Bearer '.length)
    requests.push({ path: req.url ?? '', token, identity })
    const { subject, organization, actor, scopes } = identity
    json(res, 200, { subject, organization: organization?.id, actor, scopes, path: req.url })
  })
  return { ...server, requests }
}
