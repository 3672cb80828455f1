import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LocalIssuer } from '@onbehalf/testing'
import { gatewayClient, type Resources, scope } from './issuers.ts'
import type { Ports } from './ports.ts'

/** A running example server. */
export interface ExampleServer {
  readonly process: ChildProcess
  /** What it told its operator. */
  readonly log: readonly string[]
}

const startSeconds = 30

/**
 * Starts the example servers, each in a process of its own, with nothing but environment variables.
 * With `nodeOptions` Node runs their TypeScript.
 */
export function startServers(
  ports: Ports,
  resources: Resources,
  issuers: { readonly people: LocalIssuer; readonly machines: LocalIssuer },
  auditDirectory: string,
  nodeOptions: readonly string[],
): Promise<
  [
    direct: ExampleServer,
    forwarded: ExampleServer,
    enriched: ExampleServer,
    forwardedV1: ExampleServer,
  ]
> {
  const gateway = {
    GATEWAY_ISSUER: issuers.machines.issuer,
    GATEWAY_CLIENTS: gatewayClient.id,
    GATEWAY_SCOPES: scope,
  }
  const user = { PEOPLE_ISSUER: issuers.people.issuer, PEOPLE_AUDIENCE: resources.gateway }
  const audit = {
    AUDIT_DIRECTORY: auditDirectory,
    AUDIT_KEY: randomBytes(32).toString('base64'),
  }
  const start = (example: string, port: number, environment: Record<string, string>) =>
    startServer({ example, port, environment, nodeOptions })
  return Promise.all([
    start('direct-token', ports.direct, { ISSUER: issuers.people.issuer }),
    start('forwarded-token', ports.forwarded, { ...gateway, ...user, ...audit }),
    start('enriched-claims', ports.enriched, gateway),
    start('forwarded-token-v1', ports.forwardedV1, { ...gateway, ...user }),
  ])
}

interface Start {
  readonly example: string
  readonly port: number
  readonly environment: Record<string, string>
  readonly nodeOptions: readonly string[]
}

async function startServer(server: Start): Promise<ExampleServer> {
  const { example, port, environment, nodeOptions } = server
  const folder = fileURLToPath(new URL(`../../${example}`, import.meta.url))
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [...nodeOptions, 'src/server.ts'], {
    cwd: folder,
    env: { PATH, PORT: String(port), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line))
  await listening(child, example, log)
  return { process: child, log }
}

function listening(child: ChildProcess, example: string, log: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error(`${example} did not start:\n${log.join('\n')}`))
    const timer = setTimeout(() => {
      child.kill()
      fail()
    }, startSeconds * 1000)
    child.once('exit', () => {
      clearTimeout(timer)
      fail()
    })
    child.stdout?.once('data', () => {
      clearTimeout(timer)
      child.removeAllListeners('exit')
      resolve()
    })
  })
}

/** Ends the servers and waits until they are gone. */
export async function stopServers(servers: readonly ExampleServer[]): Promise<void> {
  const exits = servers.map(
    ({ process: child }) =>
      new Promise((done) => {
        if (child.exitCode !== null) return done(undefined)
        child.once('exit', done)
        child.kill()
      }),
  )
  await Promise.all(exits)
}
