import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

/** Serves an app on a free port of the loopback until the test is over. */
export async function serve(app: RequestListener): Promise<URL> {
  return serveWith(createServer(app))
}

export async function serveWith(server: Server, protocol = 'http'): Promise<URL> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return new URL(`${protocol}://127.0.0.1:${port}`)
}

/** Sends lines as they are: header duplicates and odd targets that no client would let through. */
export async function sendLines(server: URL, lines: readonly string[]): Promise<string> {
  const socket = connect(Number(server.port), server.hostname)
  socket.write(`${lines.join('\r\n')}\r\nhost: ${server.host}\r\nconnection: close\r\n\r\n`)
  return text(socket)
}
