import type { ServerResponse } from 'node:http'
import type { Authenticator } from '@onbehalf/core'
import { originalUrl } from './credential-request.ts'
import type { Middleware } from './middleware.ts'

const methods = 'GET, HEAD, OPTIONS'
const maxAgeSeconds = 3600
const preflightMaxAgeSeconds = 86_400

/**
 * Serves the protected resource metadata (RFC 9728) of an authenticator, from which MCP clients
 * learn the authorization servers. Everything else goes on to the next handler.
 *
 * Mount it on the application itself, before `authenticate`: the metadata is public, and its path
 * starts at the root of the host. The path is compared exactly, as it was sent.
 *
 * @example
 * ```ts
 * app.use(resourceMetadata(authenticator))
 * ```
 */
export function resourceMetadata(
  authenticator: Pick<Authenticator<unknown>, 'metadata' | 'resourceMetadataUrl'>,
): Middleware {
  const { pathname } = new URL(authenticator.resourceMetadataUrl)
  const body = JSON.stringify(authenticator.metadata)
  return (req, res, next) => {
    if (originalUrl(req).split('?', 1)[0] !== pathname) return next()
    // Public by nature: any web client may read it (RFC 9728 section 3.1).
    res.setHeader('access-control-allow-origin', '*')
    if (req.method === 'GET' || req.method === 'HEAD') return sendMetadata(res, body)
    if (req.method === 'OPTIONS') return sendPreflight(res)
    res.writeHead(405, { allow: methods }).end()
  }
}

function sendMetadata(res: ServerResponse, body: string): void {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': `public, max-age=${maxAgeSeconds}`,
  }
  res.writeHead(200, headers).end(body)
}

function sendPreflight(res: ServerResponse): void {
  res
    .writeHead(204, {
      allow: methods,
      'access-control-allow-methods': methods,
      // MCP clients send MCP-Protocol-Version along.
      'access-control-allow-headers': '*',
      'access-control-max-age': String(preflightMaxAgeSeconds),
    })
    .end()
}
