import type { RequestListener } from 'node:http'
import { type Authenticator, createRefusal } from '@onbehalf/core'
import { authenticate } from '@onbehalf/express'
import express5 from 'express'
import express4 from 'express4'

/** Puts an authenticator in front of a handler, in each way a server of ours can be built. */
export type Mount = (authenticator: Authenticator<unknown>, handle: () => void) => RequestListener

export const frameworks: readonly (readonly [name: string, mount: Mount])[] = [
  ['node:http', onNode],
  ['Express 4', onExpress(express4 as unknown as typeof express5)],
  ['Express 5', onExpress(express5)],
]

function onNode(authenticator: Authenticator<unknown>, handle: () => void): RequestListener {
  return (req, res) => {
    void authenticator.authenticate(req).then(
      () => {
        handle()
        res.end('handled')
      },
      (error: unknown) => {
        const { status, headers, body } = createRefusal(error, authenticator)
        res.statusCode = status
        for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
        res.end(body)
      },
    )
  }
}

function onExpress(express: typeof express5): Mount {
  return (authenticator, handle) => {
    const app = express()
    app.disable('x-powered-by')
    app.use('/mcp', authenticate(authenticator), (_req, res) => {
      handle()
      res.end('handled')
    })
    return app
  }
}
