import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { ClientConfig } from 'pg'
import { onTestFinished } from 'vitest'

/** What becomes of connections: they work, are never read, or end at the next answer. */
type Mode = 'forward' | 'silence' | 'cut answers'

/** Stands between a sink and Postgres. */
export interface Proxy {
  readonly connection: ClientConfig
  mode: Mode
  /** How many connections were accepted so far. */
  readonly accepted: number
}

/** A proxy in front of where `target` leads, on the loopback; gone after the test. */
export async function newProxy(target: ClientConfig): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const proxy = { connection: target, mode: 'forward' as Mode, accepted: 0 }
  const server = createServer((client) => {
    proxy.accepted += 1
    const upstream = connect({ host: target.host ?? '', port: target.port ?? 0 })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => [client, upstream].forEach((end) => end.destroy()))
    }
    client.on('data', (data) => {
      if (proxy.mode === 'silence') client.pause()
      else upstream.write(data)
    })
    upstream.on('data', (data) => {
      if (proxy.mode === 'cut answers') client.destroy()
      else if (proxy.mode === 'forward') client.write(data)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  proxy.connection = { ...target, host: '127.0.0.1', port }
  return proxy
}
