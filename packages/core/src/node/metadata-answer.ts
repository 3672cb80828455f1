import type { IncomingMessage } from 'node:http'
import { type Answer, answerMetadata, type MetadataPublisher } from '../adapters/metadata-answer.ts'
import { originalUrl } from './credential-request.ts'

/**
 * The answer to a Node request for the protected resource metadata (RFC 9728); `undefined` for any
 * other request. It is at the path of its URL and at the root; both are compared exactly, as they
 * were sent.
 *
 * @example
 * ```ts
 * import type { IncomingMessage, ServerResponse } from 'node:http'
 *
 * const publish = (req: IncomingMessage, res: ServerResponse) => {
 *   const answer = metadataAnswer(req, authenticator)
 *   if (answer) res.writeHead(answer.status, answer.headers).end(answer.body)
 * }
 * ```
 */
export function metadataAnswer(
  req: IncomingMessage,
  authenticator: MetadataPublisher,
): Answer | undefined {
  const [path = ''] = originalUrl(req).split('?', 1)
  return answerMetadata(req.method, path, authenticator)
}
