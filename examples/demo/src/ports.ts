import { randomInt } from 'node:crypto'
import { type AddressInfo, createServer, type Server } from 'node:net'

/** Where everything listens. Each part has to know the others' addresses before they start. */
export interface Ports {
  readonly gateway: number
  readonly direct: number
  readonly forwarded: number
  readonly enriched: number
  readonly forwardedV1: number
}

/** The same ports every time, for a demo that is called by hand. */
export const fixedPorts: Ports = {
  gateway: 3000,
  direct: 3001,
  forwarded: 3002,
  enriched: 3003,
  forwardedV1: 3004,
}

/**
 * Ports that are free now. They lie below those that systems give to outgoing connections, which
 * could otherwise take one before a server does.
 */
export async function freePorts(): Promise<Ports> {
  const names = Object.keys(fixedPorts)
  const servers: Server[] = []
  while (servers.length < names.length) {
    const server = await listen(randomInt(lowestPort, highestPort))
    if (server !== undefined) servers.push(server)
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return Object.fromEntries(names.map((name, at) => [name, ports[at]])) as unknown as Ports
}

const lowestPort = 20_000
const highestPort = 32_000

/** A server on this port, unless another one has it. */
function listen(port: number): Promise<Server | undefined> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
