import { createAuthenticator, direct, forwarded, type Issuer, issuer } from '@onbehalf/core'
import { createTokenMinter, type TokenMinter } from '@onbehalf/testing'

export const resource = 'https://mcp.example.com/mcp'
export const metadataUrl = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp'

export const people = await createTokenMinter({ issuer: 'https://people.example', alg: 'ES256' })
const gateway = await createTokenMinter({ issuer: 'https://gateway.example', alg: 'ES256' })

/** Accepts Ada's own tokens, and those that the gateway forwards for her. */
export const authenticator = createAuthenticator({
  resource,
  sources: [
    direct({ issuer: trusted(people, { scopes: 'mcp:read' }) }),
    forwarded({
      header: 'x-user-token',
      issuer: trusted(people),
      gateway: trusted(gateway, { clients: 'gateway-client' }),
      bind: 'client',
    }),
  ],
})

/** An issuer whose keys are given, so that no request leaves the process. */
export function trusted(
  minter: TokenMinter,
  options: Readonly<{ scopes?: string; clients?: string }> = {},
): Issuer {
  return issuer({
    iss: minter.issuer,
    audience: resource,
    kind: 'by-client',
    algorithms: ['ES256'],
    keys: { jwks: minter.jwks },
    ...options,
  })
}

/** Ada's token, with these claims instead of her own. */
export async function adasToken(claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const own = { sub: 'ada', aud: resource, client_id: 'agent', scope: 'mcp:read', org_id: 'acme' }
  return people.mint({ ...own, ...claims })
}

export async function adasHeaders(
  claims?: Readonly<Record<string, unknown>>,
): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await adasToken(claims)}` }
}

/** What the gateway sends when it calls for a person. */
export async function forwardedHeaders(userToken: string): Promise<Record<string, string>> {
  const machine = { sub: 'gateway-client', client_id: 'gateway-client', aud: resource }
  return { authorization: `Bearer ${await gateway.mint(machine)}`, 'x-user-token': userToken }
}
