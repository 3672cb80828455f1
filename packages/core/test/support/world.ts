import {
  type AuthenticatorEvent,
  type Claims,
  type Issuer,
  type IssuerOptions,
  issuer,
  type KindRule,
} from '@onbehalf/core'
import { createSigner, type Signer } from './signer.ts'

/** The world of these tests: one resource, one moment, people, and a gateway in front of them. */
export const now = 1_800_000_000
export const clock = (): number => now
export const resource = 'https://mcp.example.com/mcp'
export const peopleIssuer = 'https://people.example.com'
export const gatewayIssuer = 'https://gateway.example.com'
export const gatewayClient = 'gateway-client'
/** Stands in every token: no error may show it. */
export const canary = 'canary-2b1f9c'

/** Claims of a person's access token. */
export function personClaims(claims: Claims = {}): Claims {
  return {
    iss: peopleIssuer,
    sub: 'jane',
    aud: resource,
    client_id: 'web-client',
    scope: 'notes:read notes:write',
    iat: now - 60,
    exp: now + 300,
    jti: 'person-token-1',
    canary,
    ...claims,
  }
}

/** Claims of the gateway's machine token. */
export function machineClaims(claims: Claims = {}): Claims {
  return {
    iss: gatewayIssuer,
    sub: gatewayClient,
    aud: resource,
    client_id: gatewayClient,
    scope: 'mcp:invoke',
    iat: now - 60,
    exp: now + 600,
    jti: 'machine-token-1',
    canary,
    ...claims,
  }
}

/** One issuer with its only key. */
export interface Party {
  readonly signer: Signer
  /** The issuer, with these options beside the usual ones. */
  issuer<C = Claims>(options?: Partial<IssuerOptions<C>>): Issuer<C>
  /** A token with the usual claims, and these. */
  token(claims?: Claims, header?: object): Promise<string>
}

export async function createPeople(): Promise<Party> {
  return createParty('people-key', { iss: peopleIssuer, kind: 'user' }, personClaims)
}

export async function createGateway(): Promise<Party> {
  return createParty(
    'gateway-key',
    { iss: gatewayIssuer, clients: gatewayClient, kind: 'by-client' },
    machineClaims,
  )
}

async function createParty(
  keyId: string,
  usual: { iss: string; clients?: string; kind: KindRule },
  claimsOf: (claims?: Claims) => Claims,
): Promise<Party> {
  const signer = await createSigner(keyId)
  return {
    signer,
    issuer: (options = {}) =>
      issuer({
        audience: resource,
        algorithms: ['ES256'],
        keys: { jwks: signer.jwks },
        ...usual,
        ...options,
      }),
    token: (claims, header) => signer.sign(claimsOf(claims), header),
  }
}

/** Collects the events of an authenticator. */
export function createRecorder(): {
  readonly events: AuthenticatorEvent[]
  readonly onEvent: (event: AuthenticatorEvent) => void
} {
  const events: AuthenticatorEvent[] = []
  return { events, onEvent: (event) => void events.push(event) }
}

/** A bearer header, and others beside it. */
export function bearer(
  token: string,
  others: Readonly<Record<string, string>> = {},
): { readonly headers: Readonly<Record<string, string>> } {
  return { headers: { authorization: `Bearer ${token}`, ...others } }
}
