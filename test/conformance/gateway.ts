import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { listen, type Running } from './listen.ts'

/**
 * A gateway that changes nothing but what it adds: the headers in `added`. Everything else, `Host`
 * and `Origin` too, reaches the server as the client sent it, and the client as the server did.
 */
export function startGateway(
  target: URL,
  added: Readonly<Record<string, string>>,
): Promise<Running> {
  return listen(createServer((req, res) => forward(req, res, target, added)))
}

function forward(
  req: IncomingMessage,
  res: ServerResponse,
  target: URL,
  added: Readonly<Record<string, string>>,
): void {
  const headers = [...req.rawHeaders, ...Object.entries(added).flat()]
  const upstream = request(target, { method: req.method, headers, agent: false })
  res.once('close', () => upstream.destroy())
  upstream.on('error', () => res.destroy())
  upstream.once('response', (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.rawHeaders).flushHeaders()
    // Whoever hangs up ends both halves.
    pipeline(answer, res).catch(() => res.destroy())
  })
  pipeline(req, upstream).catch(() => upstream.destroy())
}
