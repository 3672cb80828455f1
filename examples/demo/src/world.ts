import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import {
  createLocalGateway,
  type GatewayHop,
  type LocalGateway,
  type LocalIssuer,
  type LocalTarget,
} from '@onbehalf/testing'
import {
  createMachineIssuer,
  createPeopleIssuer,
  gatewayClient,
  type Resources,
  scope,
  toResources,
} from './issuers.ts'
import type { Ports } from './ports.ts'
import { type ExampleServer, startServers, stopServers } from './servers.ts'

/** The ways by which the gateway reaches a server: the names of its targets. */
export const ways = ['exchange', 'passthrough', 'forwarded', 'forwarded-v1', 'enriched'] as const
export type Way = (typeof ways)[number]

/** Everything that runs. */
export interface World {
  readonly resources: Resources
  readonly people: LocalIssuer
  readonly machines: LocalIssuer
  readonly gateway: LocalGateway
  /** Where the server of the way `forwarded` records its calls. */
  readonly auditDirectory: string
  /** What the gateway passed on last. */
  lastHop(): GatewayHop | undefined
  /** The server behind a target. */
  server(way: Way): ExampleServer
  stop(): Promise<void>
}

/** Starts issuers, servers and the gateway. The servers run by the loader that runs this process. */
export async function startWorld(
  ports: Ports,
  nodeOptions: readonly string[] = process.execArgv,
): Promise<World> {
  const resources = toResources(ports)
  const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-demo-'))
  const auditDirectory = join(scratch, 'audit-log')
  const people = await createPeopleIssuer(resources)
  const machines = await createMachineIssuer(resources, people.issuer)
  const [directServer, forwarded, enriched, forwardedV1] = await startServers(
    ports,
    resources,
    { people, machines },
    auditDirectory,
    nodeOptions,
  )
  const servers = {
    exchange: directServer,
    passthrough: directServer,
    forwarded,
    enriched,
    'forwarded-v1': forwardedV1,
  }
  let hop: GatewayHop | undefined
  const gateway = await createLocalGateway({
    port: ports.gateway,
    authenticator: createAuthenticator({
      resource: resources.gateway,
      sources: [
        direct({
          issuer: issuer({
            iss: people.issuer,
            // A token that is passed through unchanged is for the server, not for the gateway.
            audience: [resources.gateway, resources.direct],
          }),
        }),
      ],
    }),
    targets: createTargets(resources, people, machines),
    onHop: (latest) => {
      if (latest.method?.startsWith('tools/')) hop = latest
    },
  })
  return {
    resources,
    people,
    machines,
    gateway,
    auditDirectory,
    lastHop: () => hop,
    server: (way) => servers[way],
    stop: async () => {
      await gateway.close()
      await stopServers([directServer, forwarded, enriched, forwardedV1])
      await Promise.all([people.close(), machines.close()])
      rmSync(scratch, { recursive: true })
    },
  }
}

function createTargets(
  resources: Resources,
  people: LocalIssuer,
  machines: LocalIssuer,
): readonly LocalTarget[] {
  const client = { clientId: gatewayClient.id, clientSecret: gatewayClient.secret }
  const machine = {
    provider: { tokenEndpoint: machines.tokenEndpoint, ...client },
    scopes: [scope],
  }
  const header = 'x-user-token'
  const forwarding = (name: Way, endpoint: string): LocalTarget => ({
    name,
    endpoint,
    credential: {
      type: 'clientCredentials',
      ...machine,
      resource: endpoint,
      forwardInboundToken: { header },
    },
    metadataConfiguration: { allowedRequestHeaders: [header] },
  })
  return [
    {
      name: 'exchange',
      endpoint: resources.direct,
      credential: {
        type: 'tokenExchange',
        provider: { tokenEndpoint: people.tokenEndpoint, ...client },
        resource: resources.direct,
        scopes: [scope],
      },
    },
    { name: 'passthrough', endpoint: resources.direct, credential: { type: 'passthrough' } },
    forwarding('forwarded', resources.forwarded),
    forwarding('forwarded-v1', resources.forwardedV1),
    {
      name: 'enriched',
      endpoint: resources.enriched,
      credential: {
        type: 'clientCredentials',
        ...machine,
        resource: resources.enriched,
        awsClientMetadata: { callerApp: 'chat-app' },
      },
    },
  ]
}

/** Where the server of a way listens, for those who do not go through the gateway. */
export function serverUrl({ resources }: World, way: Way): string {
  const { direct, forwarded, enriched, forwardedV1 } = resources
  const urls = {
    exchange: direct,
    passthrough: direct,
    forwarded,
    enriched,
    'forwarded-v1': forwardedV1,
  }
  return urls[way]
}
