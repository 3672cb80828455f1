import { type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http'
import { request as requestHttps } from 'node:https'
import { pipeline } from 'node:stream/promises'
import { pickResponseHeaders } from './local-gateway-headers.ts'

/** One request on its way to a target. */
export interface Forwarding {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly endpoint: URL
  /** The only headers that the target gets, besides those of the connection. */
  readonly headers: Readonly<Record<string, string>>
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
export function forward({ req, res, endpoint, headers, onAnswer }: Forwarding): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = endpoint.protocol === 'https:' ? requestHttps : requestHttp
    const upstream = request(endpoint, { method: req.method, headers, agent: false })
    res.once('close', () => {
      upstream.destroy()
      resolve()
    })
    let answered = false
    // A target may answer, and close, before it has read everything: then the answer counts.
    upstream.on('error', (error) => answered || reject(error))
    upstream.once('response', (answer) => {
      answered = true
      answer.once('error', reject)
      onAnswer()
      res.writeHead(answer.statusCode ?? 502, pickResponseHeaders(answer.headers)).flushHeaders()
      pipeline(answer, res).then(resolve, reject)
    })
    // A body of a GET would have no frame of its own on the connection to the target.
    if (req.method === 'POST') req.pipe(upstream)
    else upstream.end()
  })
}
