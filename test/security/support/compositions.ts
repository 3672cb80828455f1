import type { RequestListener } from 'node:http'
import type { Middleware } from '@onbehalf/express'
import express5 from 'express'
import express4 from 'express4'

/** Makes an application of handlers that every request passes in turn, whatever its path. */
export type Compose = (middlewares: readonly Middleware[]) => RequestListener

export const compositions: readonly (readonly [name: string, compose: Compose])[] = [
  ['node:http', inTurn],
  ['Express 4', withExpress(express4 as unknown as typeof express5)],
  ['Express 5', withExpress(express5)],
]

function inTurn(middlewares: readonly Middleware[]): RequestListener {
  return (req, res) => {
    const run = (at: number): void => middlewares[at]?.(req, res, () => run(at + 1))
    run(0)
  }
}

function withExpress(express: typeof express5): Compose {
  return (middlewares) => {
    const app = express()
    app.disable('x-powered-by')
    for (const middleware of middlewares) app.use(middleware)
    return app
  }
}
