import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'

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

/** Ports that are free now. */
export async function freePorts(): Promise<Ports> {
  const names = Object.keys(fixedPorts)
  const servers = await Promise.all(names.map(listen))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return Object.fromEntries(names.map((name, at) => [name, ports[at]])) as unknown as Ports
}

function listen(): Promise<ReturnType<typeof createServer>> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}
