import { type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http'
import { request as requestHttps } from 'node:https'
import { pipeline } from 'node:stream/promises'
import { pickResponseHeaders } from './headers.ts'

/** One request on its way to a target. */
export interface Forwarding {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly endpoint: URL
  /** The only headers that the target gets, besides those of the connection. */
  readonly headers: Readonly<Record<string, string>>
  /** Sent in place of the caller's body. */
  readonly body: Buffer | undefined
  /** Called when the target starts to answer, before the caller gets any of it. */
  readonly onAnswer: () => void
}

/**
 * Streams a request to its target and the answer back, unchanged and unbuffered. A caller who hangs up
 * ends the request at the target; a target that breaks off ends the answer to the caller.
 *
 * Node's own client, not `fetch`: that one adds headers, undoes content encodings, and cuts a stream that
 * is silent for some minutes.
 *
 * @throws what the connection to the target threw. Nothing when the caller hung up.
 */
export function forward({
  req,
  res,
  endpoint,
  headers,
  body,
  onAnswer,
}: Forwarding): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = endpoint.protocol === 'https:' ? requestHttps : requestHttp
    const options = {
      method: req.method,
      headers: { ...headers, ...framing(req, body) },
      agent: false,
    }
    const upstream = request(endpoint, options)
    res.once('close', () => {
      upstream.destroy()
      resolve()
    })
    upstream.on('error', reject)
    upstream.once('response', (answer) => {
      onAnswer()
      res.writeHead(answer.statusCode ?? 502, pickResponseHeaders(answer.headers)).flushHeaders()
      pipeline(answer, res).then(resolve, reject)
    })
    if (req.method === 'POST' && !body) req.pipe(upstream)
    else if (req.method === 'POST') upstream.end(body)
    else upstream.end()
  })
}

// Only a POST has a body here: that of a GET would not be framed. The connection is not kept,
// but a target that knew might hang up, answer and all, before the body has gone out.
function framing(
  { method, headers }: IncomingMessage,
  body: Buffer | undefined,
): Record<string, string> {
  const own = body === undefined ? headers['content-length'] : String(body.length)
  const length = method === 'POST' ? own : undefined
  return { connection: 'keep-alive', ...(length !== undefined && { 'content-length': length }) }
}
