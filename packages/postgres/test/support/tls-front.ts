import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { ClientConfig } from 'pg'
import { onTestFinished } from 'vitest'

/** What a client asks first that wants TLS: length 8, then the number of this request. */
const sslRequest = Buffer.from('0000000804d2162f', 'hex')

/** Speaks TLS on the loopback for a Postgres that does not; gone after the test. */
export async function newTlsFront(
  target: ClientConfig,
  identity: { readonly cert: string; readonly key: string },
): Promise<ClientConfig> {
  const { host = '', port = 0 } = target
  const sockets = new Set<Socket>()
  const watch = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('error', () => undefined)
  }
  const server = createServer((raw) => {
    watch(raw).once('data', (first) => {
      if (!first.equals(sslRequest)) raw.destroy()
      raw.write('S')
      const client = watch(new TLSSocket(raw, { isServer: true, ...identity }))
      client.pipe(watch(connect({ host, port }))).pipe(client)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { ...target, host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}
