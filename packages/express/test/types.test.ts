import type { RequestListener } from 'node:http'
import type { Identity } from '@onbehalf/core'
import { authenticate, identityOf, type Middleware, resourceMetadata } from '@onbehalf/express'
import express5, { type RequestHandler as RequestHandler5 } from 'express'
import express4, { type RequestHandler as RequestHandler4 } from 'express4'
import { describe, expectTypeOf, it } from 'vitest'
import { authenticator } from '../../../test/adapters/support/identities.ts'

describe('the types', () => {
  it('fit the handlers of Express 4 and Express 5', () => {
    expectTypeOf<Middleware>().toExtend<RequestHandler4>()
    expectTypeOf<Middleware>().toExtend<RequestHandler5>()
  })

  it('leave the types of later handlers on a route alone, in Express 4', () => {
    const app = express4()
    app.use(resourceMetadata(authenticator))
    app.get('/things/:id', authenticate(authenticator), (req, res) => {
      expectTypeOf(req.params.id).toEqualTypeOf<string>()
      expectTypeOf(res.json).toBeFunction()
    })
    expectTypeOf(app).toExtend<RequestListener>()
  })

  it('leave the types of later handlers on a route alone, in Express 5', () => {
    const app = express5()
    app.use(resourceMetadata(authenticator))
    app.get('/things/:id', authenticate(authenticator), (req, res) => {
      expectTypeOf(req.params.id).toEqualTypeOf<string>()
      expectTypeOf(res.json).toBeFunction()
    })
    expectTypeOf(app).toExtend<RequestListener>()
  })

  it('let onRefusal name the request as the application does', () => {
    authenticate(authenticator, {
      onRefusal: (error, req: express5.Request) => {
        expectTypeOf(error.code).toExtend<string>()
        expectTypeOf(req.path).toEqualTypeOf<string>()
      },
    })
  })

  it('make callers of identityOf face its absence', () => {
    expectTypeOf(identityOf).returns.toEqualTypeOf<Identity | undefined>()
    // @ts-expect-error: it is undefined where the middleware did not run
    const subject = (req: object): string => identityOf(req).subject
    expectTypeOf(subject).toBeFunction()
  })
})
