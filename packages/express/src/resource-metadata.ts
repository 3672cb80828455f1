import { type MetadataPublisher, metadataAnswer } from '@onbehalf/core/node'
import type { Middleware } from './middleware.ts'
import { send } from './send.ts'

/**
 * Serves the protected resource metadata (RFC 9728) of an authenticator, from which MCP clients
 * learn the authorization servers. Everything else continues to the next handler.
 *
 * Mount it on the application itself, before `authenticate`: the metadata is public, and its path
 * starts at the root of the host. It is there for clients that look at the root alone, too. Both paths
 * are compared exactly, as they were sent.
 *
 * @example
 * ```ts
 * app.use(resourceMetadata(authenticator))
 * ```
 */
export function resourceMetadata(authenticator: MetadataPublisher): Middleware {
  return (req, res, next) => {
    const answer = metadataAnswer(req, authenticator)
    if (answer === undefined) return next()
    send(answer, res)
  }
}
