import { type MetadataPublisher, metadataAnswer } from '@onbehalf/core/node'
import type { Hook } from './hook.ts'
import { send } from './send.ts'

/**
 * Serves the protected resource metadata (RFC 9728) of an authenticator, from which MCP clients
 * learn the authorization servers. Everything else continues to its route.
 *
 * Add it to the application itself, before `authenticate`: the metadata is public, and its path
 * starts at the root of the host. It is there for clients that look at the root alone, too. Both paths
 * are compared exactly, as they were sent.
 *
 * @example
 * ```ts
 * import fastify from 'fastify'
 *
 * const app = fastify()
 * app.addHook('onRequest', resourceMetadata(authenticator))
 * ```
 */
export function resourceMetadata(authenticator: MetadataPublisher): Hook {
  return async (request, reply) => {
    const answer = metadataAnswer(request.raw, authenticator)
    return answer === undefined ? undefined : send(answer, reply)
  }
}
