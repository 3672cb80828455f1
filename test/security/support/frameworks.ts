import type { RequestListener } from 'node:http'
import { type Authenticator, createRefusal, type Identity } from '@onbehalf/core'
import { authenticate, identityOf } from '@onbehalf/express'
import express5 from 'express'
import express4 from 'express4'

/** Puts an authenticator in front of a handler, in each way a server of ours can be built. */
export type Mount = (
  authenticator: Authenticator<unknown>,
  handle: (identity: Identity<unknown>) => void,
  /** Told what a request was refused for. */
  refused?: (error: unknown) => void,
) => RequestListener

export const frameworks: readonly (readonly [name: string, mount: Mount])[] = [
  ['node:http', onNode],
  ['Express 4', onExpress(express4 as unknown as typeof express5)],
  ['Express 5', onExpress(express5)],
]

export function onNode(...[authenticator, handle, refused]: Parameters<Mount>): RequestListener {
  return (req, res) => {
    void authenticator.authenticate(req).then(
      (identity) => {
        handle(identity)
        res.end(JSON.stringify(identity))
      },
      (error: unknown) => {
        refused?.(error)
        const { status, headers, body } = createRefusal(error, authenticator)
        res.statusCode = status
        for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
        res.end(body)
      },
    )
  }
}

function onExpress(express: typeof express5): Mount {
  return (authenticator, handle, refused) => {
    const app = express()
    app.disable('x-powered-by')
    const onRefusal = (error: unknown): void => refused?.(error)
    app.use('/mcp', authenticate(authenticator, { onRefusal }), (req, res) => {
      const identity = identityOf(req) as Identity
      handle(identity)
      res.end(JSON.stringify(identity))
    })
    return app
  }
}
