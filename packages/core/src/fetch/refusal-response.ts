import { createRefusal, type RefusalContext } from '../refusal/refusal.ts'

/**
 * The answer to a request that was refused: what `authenticateRequest` throws, turned into what RFC
 * 6750, RFC 9728 and MCP ask for. Any other value is answered as a failure of this server (503).
 *
 * @example
 * ```ts
 * const refused = (thrown: unknown) => refusalResponse(thrown, authenticator)
 * ```
 */
export function refusalResponse(thrown: unknown, context: RefusalContext): Response {
  const { status, headers, body } = createRefusal(thrown, context)
  return new Response(body, { status, headers })
}
