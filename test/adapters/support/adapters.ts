import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Authenticator, Identity, IdentityError } from '@onbehalf/core'
import { resourceMetadataResponse, withIdentity } from '@onbehalf/core/fetch'
import * as onExpress from '@onbehalf/express'
import * as onFastify from '@onbehalf/fastify'
import * as onHono from '@onbehalf/hono'
import express5, { type ErrorRequestHandler } from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'

/** What a handler of an application finds. */
export interface Seen {
  readonly identity: Identity | undefined
  /** What it would pass to an MCP SDK. */
  readonly authInfo: unknown
}

/** An application that publishes its metadata, and tells whoever passes `authenticate` who it is. */
export interface Site {
  readonly authenticator: Authenticator
  readonly handle: (seen: Seen) => void
  /** Told the error and the path of each refused request. */
  readonly onRefusal?: (error: IdentityError, path: string | undefined) => void | Promise<void>
  /** What other code left, before we come, where MCP SDKs look for a caller. */
  readonly forged?: object
  /** The error handler of the application; it answers 500. */
  readonly failed?: (error: unknown) => void
}

export type Mount = (site: Site) => RequestListener | Promise<RequestListener>

export interface Adapter {
  readonly name: string
  readonly mount: Mount
  /** Whether it sees targets and header lines as they were sent, and not what a web request makes of them. */
  readonly isRaw: boolean
}

/** Every way in which a server puts an authenticator in front of its handlers. */
export const adapters: readonly Adapter[] = [
  { name: 'Express 4', mount: withExpress(express4 as unknown as typeof express5), isRaw: true },
  { name: 'Express 5', mount: withExpress(express5), isRaw: true },
  { name: 'Fastify', mount: withFastify, isRaw: true },
  { name: 'Hono', mount: withHono, isRaw: false },
  { name: 'fetch', mount: withFetch, isRaw: false },
]

function withExpress(express: typeof express5): Mount {
  return ({ authenticator, handle, onRefusal, forged, failed }) => {
    const { authenticate, identityOf, resourceMetadata } = onExpress
    const app = express().disable('x-powered-by')
    app.use((req, _res, next) => {
      if (forged) Object.assign(req, { auth: forged })
      next()
    })
    app.use(resourceMetadata(authenticator))
    const options = onRefusal && {
      onRefusal: (error: IdentityError, req: express5.Request) => onRefusal(error, req.path),
    }
    app.use(authenticate(authenticator, options))
    app.use((req, res) => {
      const identity = identityOf(req)
      handle({ identity, authInfo: (req as { auth?: unknown }).auth })
      res.json(identity)
    })
    app.use(((error, _req, res, _next) => {
      failed?.(error)
      res.status(500).end()
    }) satisfies ErrorRequestHandler)
    return app
  }
}

async function withFastify(site: Site): Promise<RequestListener> {
  const { authenticator, handle, onRefusal, forged, failed } = site
  const { authenticate, identityOf, resourceMetadata } = onFastify
  const app = fastify()
  app.addHook('onRequest', async ({ raw }) => {
    if (forged) Object.assign(raw, { auth: forged })
  })
  app.addHook('onRequest', resourceMetadata(authenticator))
  const options: onFastify.AuthenticateOptions | undefined = onRefusal && {
    onRefusal: (error, { url }) => onRefusal(error, url),
  }
  app.addHook('onRequest', authenticate(authenticator, options))
  app.setErrorHandler(async (error, _request, reply) => {
    failed?.(error)
    return reply.code(500).send()
  })
  // Bodies of any type are welcome, and nobody reads them.
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
  app.all('*', async (request) => {
    const identity = identityOf(request)
    handle({ identity, authInfo: (request.raw as { auth?: unknown }).auth })
    return identity
  })
  await app.ready()
  return (req, res) => app.routing(req, res)
}

function withHono(site: Site): RequestListener {
  const { authenticator, handle, onRefusal, forged, failed } = site
  const { authenticate, resourceMetadata } = onHono
  const app = new Hono<{ Variables: onHono.IdentityVariables }>()
  app.use(async (c, next) => {
    if (forged) c.set('auth', forged as never)
    await next()
  })
  app.use(resourceMetadata(authenticator))
  const options: onHono.AuthenticateOptions | undefined = onRefusal && {
    onRefusal: (error, c) => onRefusal(error, c.req.path),
  }
  app.use(authenticate(authenticator, options))
  app.all('*', (c) => {
    const identity = c.get('identity')
    handle({ identity, authInfo: c.get('auth') })
    return c.json(identity)
  })
  app.onError((error, c) => {
    failed?.(error)
    return c.body(null, 500)
  })
  return toListener(app.fetch)
}

function withFetch(site: Site): RequestListener {
  const { authenticator, handle, onRefusal, forged, failed } = site
  const serve = withIdentity(
    authenticator,
    (_request, { identity, authInfo }) => {
      handle({ identity, authInfo })
      return Response.json(identity)
    },
    onRefusal && { onRefusal: (error, { url }) => onRefusal(error, new URL(url).pathname) },
  )
  return toListener(async (request) => {
    try {
      if (forged) Object.assign(request, { auth: forged })
      return resourceMetadataResponse(request, authenticator) ?? (await serve(request))
    } catch (error) {
      failed?.(error)
      return new Response(null, { status: 500 })
    }
  })
}

/** Serves web requests as Hono does it on Node. */
function toListener(fetch: (request: Request) => Response | Promise<Response>): RequestListener {
  const listener = getRequestListener((request) => fetch(request))
  return (req, res) => void listener(req, res)
}
