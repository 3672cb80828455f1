import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { resourceMetadataResponse, withIdentity } from '@onbehalf/core/fetch'
import type { JSONWebKeySet } from 'jose'

interface Env {
  readonly issuer: string
  readonly resource: string
  readonly jwks: JSONWebKeySet
}

/** A server as Cloudflare Workers run it: bindings come with each request. */
export function serve(request: Request, env: Env): Response | Promise<Response> {
  const { resource, jwks } = env
  const people = issuer({
    iss: env.issuer,
    audience: resource,
    kind: 'by-client',
    algorithms: ['ES256'],
    keys: { jwks },
  })
  const authenticator = createAuthenticator({ resource, sources: [direct({ issuer: people })] })
  const answer = withIdentity(authenticator, (_request, { identity }) =>
    Response.json({ subject: identity.subject }),
  )
  return resourceMetadataResponse(request, authenticator) ?? answer(request)
}
