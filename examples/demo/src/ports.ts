import { randomInt } from 'node:crypto'
import { type AddressInfo, createServer, type Server } from 'node:net'

/** Where everything listens. Each part has to know the others' addresses before they start. */
export interface Ports {
  readonly gateway: number
  readonly direct: number
  readonly forwarded: number
  readonly enriched: number
  readonly forwardedV1: number
  readonly downstream: number
  /** The API that the server of the way `downstream` calls. */
  readonly books: number
}

const names = [
  'gateway',
  'direct',
  'forwarded',
  'enriched',
  'forwardedV1',
  'downstream',
  'books',
] as const

/** The same ports every time, for a demo that is called by hand. */
export function portsFrom(first: number): Ports {
  return toPorts(names.map((_name, index) => first + index))
}

/** Those that another process has, each with what would have used it. */
export async function takenPorts(
  ports: Ports,
): Promise<readonly { readonly name: string; readonly port: number }[]> {
  const looked = await Promise.all(
    names.map(async (name) => {
      const server = await listen(ports[name])
      if (server !== undefined) await close(server)
      return { name, port: ports[name], isTaken: server === undefined }
    }),
  )
  return looked.filter(({ isTaken }) => isTaken)
}

/**
 * Ports that are free now. They are below those that systems give to outgoing connections, which
 * could otherwise take one before a server does.
 */
export async function freePorts(): Promise<Ports> {
  const servers: Server[] = []
  while (servers.length < names.length) {
    const server = await listen(randomInt(lowestPort, highestPort))
    if (server !== undefined) servers.push(server)
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(close))
  return toPorts(ports)
}

const lowestPort = 20_000
const highestPort = 32_000

function toPorts(numbers: readonly number[]): Ports {
  return Object.fromEntries(names.map((name, at) => [name, numbers[at]])) as unknown as Ports
}

/** A server on this port, unless another one has it. */
function listen(port: number): Promise<Server | undefined> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

function close(server: Server): Promise<unknown> {
  return new Promise((done) => server.close(done))
}
