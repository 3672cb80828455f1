import {
  createLocalIssuer,
  type LocalIssuer,
  type LocalIssuerOptions,
  type OAuthError,
} from '@onbehalf/testing'
import { createRemoteJWKSet, type JWTVerifyResult, jwtVerify } from 'jose'

export const MCP = 'https://mcp.example.com/mcp'
export const GATEWAY = 'https://gateway.example.com/mcp'
export const LEDGER = 'https://ledger.example.com/mcp'

/** Two organizations, an application, a gateway that may exchange, and a server that calls another one. */
export const WORLD: LocalIssuerOptions = {
  users: [
    {
      id: 'ada',
      name: 'Ada Lovelace',
      email: 'ada@acme.example',
      organization: { id: 'acme', name: 'Acme' },
      roles: ['admin', 'member'],
    },
    { id: 'bob', organization: { id: 'globex' } },
    { id: 'eve', organizations: [{ id: 'acme', roles: ['guest'] }, { id: 'globex' }] },
    { id: 'kim', claims: { organization: { acme: { id: 'o-1' } }, act: { sub: 'support' } } },
  ],
  clients: [
    { id: 'app', resources: [GATEWAY] },
    {
      id: 'gateway',
      secret: 'gateway secret: &+',
      resources: [MCP],
      exchange: { from: [GATEWAY], to: [MCP] },
    },
    {
      id: 'mcp-server',
      secret: 'mcp-secret',
      resources: [LEDGER],
      exchange: { from: [MCP], to: [LEDGER] },
    },
    { id: 'worker', secret: 'worker-secret', scopes: ['mcp/invoke'] },
  ],
  resources: [
    { uri: GATEWAY, scopes: ['gateway/invoke'] },
    { uri: MCP, scopes: ['mcp/invoke', 'mcp/admin'] },
    { uri: LEDGER, scopes: ['ledger/read'] },
  ],
}

export function startIssuer(options: Partial<LocalIssuerOptions> = {}): Promise<LocalIssuer> {
  return createLocalIssuer({ ...WORLD, alg: 'ES256', ...options })
}

/** Verifies against the published keys, fetched over HTTP. */
export function verify(
  issuer: LocalIssuer,
  token: string,
  options: { readonly typ?: string; readonly audience?: string } = {},
): Promise<JWTVerifyResult> {
  const keys = createRemoteJWKSet(new URL(issuer.jwksUri))
  return jwtVerify(token, keys, { issuer: issuer.issuer, ...options })
}

/** A token request as any HTTP client would send it. */
export async function post(
  issuer: LocalIssuer,
  parameters: Record<string, string> | [string, string][],
  authorization?: string,
): Promise<{ status: number; answer: Record<string, unknown>; text: string }> {
  const response = await fetch(issuer.tokenEndpoint, {
    method: 'POST',
    body: new URLSearchParams(parameters),
    headers: authorization === undefined ? {} : { authorization },
  })
  const text = await response.text()
  return { status: response.status, answer: JSON.parse(text) as Record<string, unknown>, text }
}

export function basic(id: string, secret: string): string {
  const pair = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

/** The parts of a refusal that callers act on. */
export function refusal(error: string, description?: string): Partial<OAuthError> {
  return { name: 'OAuthError', error, ...(description !== undefined && { description }) }
}
