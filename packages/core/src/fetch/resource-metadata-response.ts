import { answerMetadata, type MetadataPublisher } from '../adapters/metadata-answer.ts'

/**
 * Answers a request for the protected resource metadata (RFC 9728) of an authenticator, from which
 * MCP clients learn the authorization servers. `undefined` for any other request.
 *
 * Ask it before anything that needs an identity: the metadata is public. It is at the path of its
 * URL, which starts at the root of the host, and at the root; both are compared exactly.
 *
 * @example
 * ```ts
 * const serve = (incoming: Request) =>
 *   resourceMetadataResponse(incoming, authenticator) ?? new Response(null, { status: 404 })
 * ```
 */
export function resourceMetadataResponse(
  request: Request,
  authenticator: MetadataPublisher,
): Response | undefined {
  const answer = answerMetadata(request.method, new URL(request.url).pathname, authenticator)
  if (answer === undefined) return undefined
  const { status, headers, body } = answer
  const hasBody = body !== '' && request.method !== 'HEAD'
  return new Response(hasBody ? body : null, { status, headers })
}
