import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface TokenServer {
  readonly tokenEndpoint: string
  readonly requests: {
    readonly form: URLSearchParams
    readonly authorization: string | undefined
  }[]
  /** The next answers, instead of a token. */
  answer: { status: number; body: unknown } | undefined
  expiresInSeconds: number
  delayMs: number
}

/** A token endpoint that issues a token for whoever asks, and remembers how it was asked. */
export async function startTokenServer(): Promise<TokenServer> {
  const server = createServer((req, res) => {
    void read(req).then((form) => {
      state.requests.push({ form, authorization: req.headers.authorization })
      const { status, body } = state.answer ?? {
        status: 200,
        body: {
          access_token: `issued-${state.requests.length}`,
          token_type: 'Bearer',
          expires_in: state.expiresInSeconds,
        },
      }
      setTimeout(() => {
        res.writeHead(status, { 'content-type': 'application/json', location: '/elsewhere' })
        res.end(typeof body === 'string' ? body : JSON.stringify(body))
      }, state.delayMs)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const state: TokenServer = {
    tokenEndpoint: `http://127.0.0.1:${port}/oauth2/token`,
    requests: [],
    answer: undefined,
    expiresInSeconds: 3600,
    delayMs: 0,
  }
  return state
}

async function read(req: IncomingMessage): Promise<URLSearchParams> {
  return new URLSearchParams(Buffer.concat(await req.toArray()).toString())
}
