import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Authenticator, createAuthenticator, direct, issuer as trust } from '@onbehalf/core'
import {
  createLocalGateway,
  createLocalIssuer,
  type GatewayHop,
  type LocalGateway,
  type LocalGatewayOptions,
  type LocalIssuer,
  type LocalIssuerOptions,
  type LocalTarget,
  type OAuthProvider,
  type PreTokenTrigger,
  type TargetCredential,
} from '@onbehalf/testing'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { onTestFinished } from 'vitest'

export const GATEWAY = 'https://gateway.example.com'
export const MCP = 'https://mcp.example.com/mcp'
export const PEOPLE: readonly string[] = Array.from({ length: 50 }, (_, n) => `person-${n}`)

/** An issuer for people at the gateway, for the gateway at the server, and for exchanging one for the other. */
export async function startIssuer(options: Partial<LocalIssuerOptions> = {}): Promise<LocalIssuer> {
  const issuer: LocalIssuer = await createLocalIssuer({
    users: ['ada', ...PEOPLE].map((id) => ({ id, organization: { id: `org-of-${id}` } })),
    clients: [
      { id: 'app', resources: [GATEWAY] },
      {
        id: 'gateway',
        secret: 'gateway-secret',
        resources: [MCP],
        exchange: { from: [GATEWAY], to: [MCP] },
      },
    ],
    resources: [
      { uri: GATEWAY, scopes: ['gateway/invoke'] },
      { uri: MCP, scopes: ['mcp/invoke', 'mcp/admin'] },
    ],
    alg: 'ES256',
    preTokenTrigger: namePerson(() => issuer),
    ...options,
  })
  return issuer
}

/** A trigger that names the person whose token came as `onBehalfOfToken`, once it is verified. */
function namePerson(issuerOf: () => LocalIssuer): PreTokenTrigger {
  return async (event) => {
    if (event.triggerSource !== 'TokenGeneration_ClientCredentials') return event
    const { onBehalfOfToken, callerApp = '' } = event.request.clientMetadata ?? {}
    const { issuer, minter } = issuerOf()
    const person = async (token: string): Promise<object> => {
      const options = { issuer, audience: GATEWAY }
      const { payload } = await jwtVerify(token, createLocalJWKSet(minter.jwks), options)
      return { sub: payload.sub }
    }
    const onBehalfOf = onBehalfOfToken === undefined ? {} : await person(onBehalfOfToken)
    const accessTokenGeneration = { claimsToAddOrOverride: { onBehalfOf, callerApp } }
    return { response: { claimsAndScopeOverrideDetails: { accessTokenGeneration } } }
  }
}

/** A person's token for the gateway. */
export function tokenOf(
  issuer: LocalIssuer,
  person: string,
  claims: Record<string, unknown> = {},
  expiresInSeconds = 300,
): Promise<string> {
  const signedIn = { sub: person, client_id: 'app', aud: GATEWAY, scope: 'gateway/invoke' }
  return issuer.minter.mint({ ...signedIn, ...claims }, { expiresInSeconds })
}

export function providerOf(issuer: LocalIssuer): OAuthProvider {
  return {
    tokenEndpoint: issuer.tokenEndpoint,
    clientId: 'gateway',
    clientSecret: 'gateway-secret',
  }
}

/** Every way in which the gateway authenticates to a server. */
export function credentialsOf(issuer: LocalIssuer) {
  const provider = providerOf(issuer)
  return {
    machine: { type: 'clientCredentials', provider },
    forwarding: {
      type: 'clientCredentials',
      provider,
      forwardInboundToken: { header: 'X-User-Token' },
    },
    enriching: {
      type: 'clientCredentials',
      provider,
      awsClientMetadata: { callerApp: 'support-chat' },
    },
    exchanging: { type: 'tokenExchange', provider, resource: MCP },
    passing: { type: 'passthrough' },
  } as const satisfies Record<string, TargetCredential>
}

export function authenticatorOf(
  issuer: LocalIssuer,
  resource: string | readonly string[] = GATEWAY,
): Authenticator {
  const people = trust({
    iss: issuer.issuer,
    audience: resource,
    kind: 'by-client',
    algorithms: ['ES256'],
    keys: { jwksUri: issuer.jwksUri },
    scopes: ['gateway/invoke'],
  })
  return createAuthenticator({ resource, sources: [direct({ issuer: people })] })
}

export interface StartedGateway {
  readonly gateway: LocalGateway
  /** Where callers reach the target `server`. */
  readonly url: string
  readonly hops: GatewayHop[]
  readonly errors: unknown[]
}

/** A gateway with one target, `server`, until the test is over. */
export async function startGateway(
  issuer: LocalIssuer,
  target: Pick<LocalTarget, 'endpoint' | 'credential'> & Partial<LocalTarget>,
  options: Partial<LocalGatewayOptions> = {},
): Promise<StartedGateway> {
  const hops: GatewayHop[] = []
  const errors: unknown[] = []
  const gateway = await createLocalGateway({
    authenticator: authenticatorOf(issuer),
    targets: [
      {
        name: 'server',
        metadataConfiguration: { allowedRequestHeaders: ['X-User-Token', 'X-Tenant-Id'] },
        ...target,
      },
    ],
    onHop: (hop) => hops.push(hop),
    onError: (error) => errors.push(error),
    ...options,
  })
  onTestFinished(() => gateway.close())
  return { gateway, url: `${gateway.url}/server/mcp`, hops, errors }
}

/** Serves on a free port of the loopback until the test is over. */
export async function serve(
  listener: (...request: Parameters<RequestListener>) => unknown,
): Promise<string> {
  const server = createServer((req, res) => {
    const answer = async (): Promise<unknown> => listener(req, res)
    answer().catch(() => res.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A server that tells every request, and answers it with an empty result. */
export async function serveRecorder(): Promise<{ endpoint: string; received: Received[] }> {
  const received: Received[] = []
  const endpoint = await serve(async (req, res) => {
    const { method = '', url = '', headers } = req
    const body = Buffer.concat(await req.toArray()).toString()
    received.push({ method, url, headers, body })
    res.writeHead(200, { 'content-type': 'application/json', 'x-server': 'secret-version' })
    res.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: {} }))
  })
  return { endpoint, received }
}

/** One JSON-RPC request, as any HTTP client would send it. */
export function post(
  url: string,
  token: string | undefined,
  headers: Record<string, string> = {},
  message: unknown = { jsonrpc: '2.0', id: 1, method: 'ping' },
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: JSON.stringify(message),
  })
}
