import { resourceMetadataResponse } from '@onbehalf/core/fetch'
import type { MiddlewareHandler } from 'hono'

/**
 * Serves the protected resource metadata (RFC 9728) of an authenticator, from which MCP clients
 * learn the authorization servers. Everything else continues to the next handler.
 *
 * Mount it on the application itself, before `authenticate`: the metadata is public, and its path
 * starts at the root of the host. It is there for clients that look at the root alone, too. Both paths
 * are compared exactly.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 *
 * const app = new Hono()
 * app.use(resourceMetadata(authenticator))
 * ```
 */
export function resourceMetadata(
  authenticator: Parameters<typeof resourceMetadataResponse>[1],
): MiddlewareHandler {
  return async (c, next) => resourceMetadataResponse(c.req.raw, authenticator) ?? next()
}
