import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { ClientConfig } from 'pg'
import { onTestFinished } from 'vitest'

/**
 * What a proxy does: it forwards, accepts and never reads, or forwards until Postgres answers and
 * then cuts the connection.
 */
type Mode = 'forward' | 'silence' | 'cut the next answer'

/** Stands between a sink and Postgres, on the loopback. */
export class Proxy {
  mode: Mode = 'forward'
  /** What it does when it has cut an answer. */
  afterCut: Mode = 'silence'
  readonly #target: ClientConfig
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer({ pauseOnConnect: true }, (client) => this.#accept(client))
  #port = 0

  constructor(target: ClientConfig) {
    this.#target = target
  }

  get connection(): ClientConfig {
    return { ...this.#target, host: '127.0.0.1', port: this.#port }
  }

  /** Listens, always on the same port. */
  async start(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Ends all connections, and refuses new ones. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  /** Leaves the connections of now open, and never reads from them again. */
  freeze(): void {
    for (const socket of this.#sockets) socket.pause()
  }

  #accept(client: Socket): void {
    this.#watch(client)
    if (this.mode === 'silence') return
    const { host = '', port = 0 } = this.#target
    const server = connect({ host, port })
    this.#watch(server)
    client.on('data', (data) => {
      if (this.mode === 'silence') client.pause()
      else server.write(data)
    })
    server.on('data', (data) => {
      if (this.mode === 'forward') client.write(data)
      if (this.mode !== 'cut the next answer') return
      this.mode = this.afterCut
      client.destroy()
    })
    client.on('close', () => server.destroy())
    server.on('close', () => client.destroy())
    client.resume()
  }

  #watch(socket: Socket): void {
    this.#sockets.add(socket)
    // Their ends are what the tests are about.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

/** A proxy in front of where the settings lead; gone after the test. */
export async function newProxy(target: ClientConfig): Promise<Proxy> {
  const proxy = new Proxy(target)
  await proxy.start()
  onTestFinished(() => proxy.stop())
  return proxy
}
