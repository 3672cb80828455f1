import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { onTestFinished } from 'vitest'

/** Serves a handler of web requests on `node:http`, on a free port of the loopback. */
export async function serve(
  handle: (request: Request) => Promise<Response>,
): Promise<{ readonly url: string }> {
  const server = createServer((req, res) => {
    void handle(toRequest(req)).then((response) => {
      res.writeHead(response.status, Object.fromEntries(response.headers)).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logout` }
}

function toRequest(req: IncomingMessage): Request {
  const { method = '', url = '/' } = req
  return new Request(new URL(url, 'http://localhost'), {
    method,
    headers: req.headers as Record<string, string>,
    ...(method !== 'GET' && method !== 'HEAD' && { body: Readable.toWeb(req), duplex: 'half' }),
  } as RequestInit)
}
