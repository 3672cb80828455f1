import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { createLocalIssuer, type LocalIssuer, type PreTokenTrigger } from '@onbehalf/testing'
import { people } from './people.ts'
import type { Ports } from './ports.ts'

/** Identifiers of the gateway and of the servers behind it. */
export interface Resources {
  readonly gateway: string
  readonly direct: string
  readonly forwarded: string
  readonly enriched: string
  readonly forwardedV1: string
}

export const gatewayClient = { id: 'agent-gateway', secret: 'agent-gateway-secret' }
export const otherGateway = { id: 'other-gateway', secret: 'other-gateway-secret' }
export const scope = 'mcp/invoke'

export function toResources(ports: Ports): Resources {
  const at = (port: number): string => `http://127.0.0.1:${port}/mcp`
  return {
    gateway: `http://127.0.0.1:${ports.gateway}`,
    direct: at(ports.direct),
    forwarded: at(ports.forwarded),
    enriched: at(ports.enriched),
    forwardedV1: at(ports.forwardedV1),
  }
}

/** The identity provider of the persons. It also exchanges their tokens for the gateway. */
export function createPeopleIssuer(resources: Resources): Promise<LocalIssuer> {
  const { gateway, direct } = resources
  return createLocalIssuer({
    users: people,
    clients: [
      { id: 'chat-app' },
      { ...gatewayClient, exchange: { from: [gateway], to: [direct] } },
    ],
    resources: [gateway, direct].map((uri) => ({ uri, scopes: [scope] })),
  })
}

/** The authorization server of the machines, with a trigger that adds the person to a token. */
export function createMachineIssuer(
  resources: Resources,
  peopleIssuer: string,
): Promise<LocalIssuer> {
  const { forwarded, enriched, forwardedV1, direct } = resources
  return createLocalIssuer({
    users: [],
    clients: [gatewayClient, otherGateway],
    resources: [direct, forwarded, enriched, forwardedV1].map((uri) => ({ uri, scopes: [scope] })),
    preTokenTrigger: createTrigger(resources, peopleIssuer),
  })
}

/**
 * What a pre token generation trigger does: verify the person's token, then write what it says into
 * the machine token. A token that does not verify fails the request.
 */
function createTrigger(resources: Resources, peopleIssuer: string): PreTokenTrigger {
  const authenticator = createAuthenticator({
    resource: resources.gateway,
    sources: [direct({ issuer: issuer({ issuer: peopleIssuer, audience: resources.gateway }) })],
  })
  return async (event) => {
    const token = event.request.clientMetadata?.['onBehalfOfToken']
    if (token === undefined) return event
    const headers = { authorization: `Bearer ${token}` }
    const {
      subject,
      issuer: iss,
      organization,
      roles,
    } = await authenticator.authenticate({ headers })
    const onBehalfOf = { sub: subject, iss, organization, roles }
    const accessTokenGeneration = { claimsToAddOrOverride: { onBehalfOf } }
    return { ...event, response: { claimsAndScopeOverrideDetails: { accessTokenGeneration } } }
  }
}
