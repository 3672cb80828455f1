import { join } from 'node:path'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import {
  createLocalGateway,
  type GatewayHop,
  type LocalGateway,
  type LocalIssuer,
  type LocalTarget,
} from '@onbehalf/testing'
import { type Cleanup, createCleanup } from './cleanup.ts'
import { type ExampleServer, StartError } from './example-server.ts'
import {
  createMachineIssuer,
  createPeopleIssuer,
  gatewayClient,
  type Resources,
  scope,
  toResources,
} from './issuers.ts'
import type { Ports } from './ports.ts'
import { createScratchFolder } from './scratch-folder.ts'
import { type Servers, startServers } from './servers.ts'

/** The ways by which the gateway reaches a server: the names of its targets. */
export const ways = [
  'exchange',
  'passthrough',
  'forwarded',
  'forwarded-v1',
  'enriched',
  'downstream',
] as const
export type Way = (typeof ways)[number]

/** Everything that runs. */
export interface World {
  readonly resources: Resources
  readonly people: LocalIssuer
  readonly machines: LocalIssuer
  readonly gateway: LocalGateway
  /** Where the server of the way `forwarded` records its calls. */
  readonly auditDirectory: string
  /** What the gateway forwarded last. */
  lastHop(): GatewayHop | undefined
  /** The server behind a target. */
  server(way: Way): ExampleServer
  /** The API that the server of the way `downstream` calls. */
  readonly booksUrl: string
  stop(): Promise<void>
}

/**
 * Starts issuers, servers and the gateway. The servers run by the loader that runs this process. If
 * one of them does not start, everything that was started is stopped again.
 *
 * @throws StartError naming what did not start, on which port, and why
 */
export async function startWorld(
  ports: Ports,
  cleanup: Cleanup,
  nodeOptions: readonly string[] = process.execArgv,
): Promise<World> {
  const own = createCleanup()
  cleanup.add(() => own.run())
  try {
    return await start(ports, own, nodeOptions)
  } catch (error) {
    await own.run()
    throw error
  }
}

async function start(
  ports: Ports,
  cleanup: Cleanup,
  nodeOptions: readonly string[],
): Promise<World> {
  const resources = toResources(ports)
  const auditDirectory = join(createScratchFolder(cleanup), 'audit-log')
  const people = await createPeopleIssuer(resources)
  cleanup.add(() => people.close())
  const machines = await createMachineIssuer(resources, people.issuer)
  cleanup.add(() => machines.close())
  const servers = await startServers(
    { ports, resources, people, machines, auditDirectory, nodeOptions },
    cleanup,
  )
  let hop: GatewayHop | undefined
  const gateway = await startGateway(ports, resources, { people, machines }, (latest) => {
    if (latest.method?.startsWith('tools/')) hop = latest
  })
  cleanup.add(() => gateway.close())
  return {
    resources,
    people,
    machines,
    gateway,
    auditDirectory,
    lastHop: () => hop,
    server: (way) => serverOf(servers, way),
    booksUrl: `http://127.0.0.1:${ports.books}`,
    stop: () => cleanup.run(),
  }
}

function startGateway(
  { gateway: port }: Ports,
  resources: Resources,
  { people, machines }: { readonly people: LocalIssuer; readonly machines: LocalIssuer },
  onHop: (hop: GatewayHop) => void,
): Promise<LocalGateway> {
  const accepted = issuer({
    iss: people.issuer,
    // A token that is passed through unchanged is for the server, not for the gateway.
    audience: [resources.gateway, resources.direct],
    kind: 'by-client',
  })
  return createLocalGateway({
    port,
    authenticator: createAuthenticator({
      resource: resources.gateway,
      sources: [direct({ issuer: accepted })],
    }),
    targets: createTargets(resources, people, machines),
    onHop,
  }).catch((error: unknown) => {
    throw new StartError({ example: 'the gateway', port }, 'it failed', [String(error)])
  })
}

function serverOf(servers: Servers, way: Way): ExampleServer {
  const byWay = {
    exchange: servers.direct,
    passthrough: servers.direct,
    forwarded: servers.forwarded,
    enriched: servers.enriched,
    'forwarded-v1': servers.forwardedV1,
    downstream: servers.downstream,
  }
  return byWay[way]
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
  const exchanging = (name: Way, endpoint: string): LocalTarget => ({
    name,
    endpoint,
    credential: {
      type: 'tokenExchange',
      provider: { tokenEndpoint: people.tokenEndpoint, ...client },
      resource: endpoint,
      scopes: [scope],
    },
  })
  return [
    exchanging('exchange', resources.direct),
    exchanging('downstream', resources.downstream),
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

/** Where the server of a way listens, to call it without the gateway. */
export function serverUrl({ resources }: World, way: Way): string {
  const { direct, forwarded, enriched, forwardedV1, downstream } = resources
  const urls = {
    exchange: direct,
    passthrough: direct,
    forwarded,
    enriched,
    'forwarded-v1': forwardedV1,
    downstream,
  }
  return urls[way]
}
