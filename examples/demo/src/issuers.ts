import { preTokenTrigger } from '@onbehalf/aws'
import { issuer } from '@onbehalf/core'
import { createLocalIssuer, type LocalIssuer } from '@onbehalf/testing'
import { people } from './people.ts'
import type { Ports } from './ports.ts'

/** Identifiers of the gateway and of the servers behind it. */
export interface Resources {
  readonly gateway: string
  readonly direct: string
  readonly forwarded: string
  readonly enriched: string
  readonly forwardedV1: string
  readonly downstream: string
  /** The API behind the server of the way `downstream`. */
  readonly books: string
}

export const gatewayClient = { id: 'agent-gateway', secret: 'agent-gateway-secret' }
export const otherGateway = { id: 'other-gateway', secret: 'other-gateway-secret' }
/** The client as which the server of the way `downstream` calls the API behind it. */
export const booksServer = { id: 'books-server', secret: 'books-server-secret' }
export const scope = 'mcp/invoke'

export function toResources(ports: Ports): Resources {
  const at = (port: number): string => `http://127.0.0.1:${port}/mcp`
  return {
    gateway: `http://127.0.0.1:${ports.gateway}`,
    direct: at(ports.direct),
    forwarded: at(ports.forwarded),
    enriched: at(ports.enriched),
    forwardedV1: at(ports.forwardedV1),
    downstream: at(ports.downstream),
    books: 'https://books.example.com',
  }
}

/** The identity provider of the users. It also exchanges their tokens for the gateway. */
export function createPeopleIssuer(resources: Resources): Promise<LocalIssuer> {
  const { gateway, direct, downstream, books } = resources
  return createLocalIssuer({
    // Long enough to try things by hand with the token that `--serve` prints.
    accessTokenSeconds: 3600,
    users: people,
    clients: [
      { id: 'chat-app' },
      { ...gatewayClient, exchange: { from: [gateway], to: [direct, downstream] } },
      { ...booksServer, exchange: { from: [downstream], to: [books] } },
    ],
    resources: [
      ...[gateway, direct, downstream].map((uri) => ({ uri, scopes: [scope] })),
      { uri: books, scopes: ['books.read', 'books.write'] },
    ],
  })
}

/** The authorization server for machine tokens, with a trigger that adds the user to a token. */
export function createMachineIssuer(
  resources: Resources,
  peopleIssuer: string,
): Promise<LocalIssuer> {
  const { gateway, forwarded, enriched, forwardedV1, direct } = resources
  const people = issuer({ iss: peopleIssuer, audience: gateway, kind: 'by-client' })
  return createLocalIssuer({
    users: [],
    clients: [gatewayClient, otherGateway],
    resources: [direct, forwarded, enriched, forwardedV1].map((uri) => ({ uri, scopes: [scope] })),
    preTokenTrigger: preTokenTrigger({
      vouchers: { [gatewayClient.id]: people },
      withoutUser: 'machine-only',
    }),
  })
}
