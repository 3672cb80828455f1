import { randomBytes } from 'node:crypto'
import type { LocalIssuer } from '@onbehalf/testing'
import type { Cleanup } from './cleanup.ts'
import { type ExampleServer, startServer } from './example-server.ts'
import { booksServer, gatewayClient, type Resources, scope } from './issuers.ts'
import type { Ports } from './ports.ts'

/** The servers behind the gateway, by what they are called in {@link Ports}. */
export type Servers = Readonly<Record<Exclude<keyof Ports, 'gateway' | 'books'>, ExampleServer>>

/** What all servers are started with. */
export interface Surroundings {
  readonly ports: Ports
  readonly resources: Resources
  readonly people: LocalIssuer
  readonly machines: LocalIssuer
  readonly auditDirectory: string
  /** With these, Node runs the servers' TypeScript. */
  readonly nodeOptions: readonly string[]
}

/** Starts the example servers, each in its own process, with nothing but environment variables. */
export async function startServers(given: Surroundings, cleanup: Cleanup): Promise<Servers> {
  const { ports, resources, people, machines, auditDirectory, nodeOptions } = given
  const gateway = {
    GATEWAY_ISSUER: machines.issuer,
    GATEWAY_CLIENTS: gatewayClient.id,
    GATEWAY_SCOPES: scope,
  }
  const users = { PEOPLE_ISSUER: people.issuer, PEOPLE_AUDIENCE: resources.gateway }
  const audit = {
    AUDIT_DIRECTORY: auditDirectory,
    AUDIT_KEY: randomBytes(32).toString('base64'),
  }
  const start = (example: string, port: number, environment: Record<string, string>) =>
    startServer({ example, port, environment, nodeOptions }, cleanup)
  const { DATABASE_URL: database = '' } = process.env
  const books = {
    ISSUER: people.issuer,
    CLIENT_ID: booksServer.id,
    CLIENT_SECRET: booksServer.secret,
    API_RESOURCE: resources.books,
    API_PORT: String(ports.books),
    ...(database !== '' && { DATABASE_URL: database }),
  }
  const [direct, forwarded, enriched, forwardedV1, downstream] = await Promise.all([
    start('direct-token', ports.direct, { ISSUER: people.issuer }),
    start('forwarded-token', ports.forwarded, { ...gateway, ...users, ...audit }),
    start('enriched-claims', ports.enriched, gateway),
    start('forwarded-token-v1', ports.forwardedV1, { ...gateway, ...users }),
    start('downstream', ports.downstream, books),
  ])
  return { direct, forwarded, enriched, forwardedV1, downstream }
}
