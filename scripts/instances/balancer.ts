import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'

const away = new Set(['ECONNREFUSED'])

/**
 * Round robin with sticky sessions: a request of a session goes to the instance that opened it, any other
 * to the next instance. If that one does not listen, another gets the request.
 */
export function createBalancer(ports: readonly number[]): Server {
  const agent = new Agent({ keepAlive: false })
  const places = new Map<unknown, number>()
  let turn = 0

  function send(req: IncomingMessage, body: Buffer, res: ServerResponse, left: number): void {
    const { method, url, headers } = req
    const session = headers['mcp-session-id']
    const port = places.get(session) ?? ports[turn++ % ports.length]
    const there = request(
      { host: '127.0.0.1', port, method, path: url, headers, agent },
      (answer) => {
        const opened = answer.headers['mcp-session-id']
        if (opened !== undefined && port !== undefined) places.set(opened, port)
        res.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.on('error', () => res.destroy())
        answer.pipe(res)
      },
    )
    there.on('error', (error: NodeJS.ErrnoException) => {
      places.delete(session)
      if (away.has(error.code ?? '') && left > 1) return send(req, body, res, left - 1)
      // What has begun somewhere is not sent twice: the client decides.
      if (res.headersSent) res.destroy()
      else res.writeHead(502).end()
    })
    there.end(body)
  }

  return createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => void chunks.push(chunk))
    req.on('end', () => send(req, Buffer.concat(chunks), res, ports.length))
  })
}
