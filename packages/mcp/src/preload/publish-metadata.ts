import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Authenticator } from '@onbehalf/core'
import { metadataAnswer } from '@onbehalf/core/node'
import { exchange } from './exchange.ts'

interface Emitter {
  emit: (this: Emitter, event: string, ...values: unknown[]) => boolean
}

/**
 * Publishes the protected resource metadata on every HTTP server of the process: clients sign in with
 * it, and a server that was not made for it has no route there.
 */
export function publishMetadata(authenticator: Authenticator<unknown>): void {
  for (const { prototype } of [HttpServer, HttpsServer]) {
    exchange(
      prototype as unknown as Emitter,
      'emit',
      (emit) =>
        function emitOrPublish(this: Emitter, event, ...values) {
          const isPublished =
            event === 'request' &&
            publish(values as [IncomingMessage, ServerResponse], authenticator)
          return isPublished || emit.call(this, event, ...values)
        },
    )
  }
}

function publish(
  [req, res]: readonly [IncomingMessage, ServerResponse],
  authenticator: Authenticator<unknown>,
): boolean {
  const answer = metadataAnswer(req, authenticator)
  if (answer === undefined) return false
  res.writeHead(answer.status, answer.headers)
  res.end(req.method === 'HEAD' ? undefined : answer.body)
  return true
}
