import { type Authenticated, authenticated } from '../adapters/authenticated.ts'
import type { Authenticator } from '../authenticator/authenticator.ts'

/**
 * The identity on whose behalf a web request runs, and the record that MCP SDKs hand on to tools.
 *
 * It does not check the `Origin` and `Host` headers, nor what the caller may do. A web request has no
 * client certificate: a proof by certificate never holds here.
 *
 * @throws IdentityError with any code, and nothing else
 *
 * @example
 * ```ts
 * const serve = async (incoming: Request) => {
 *   const { authInfo } = await authenticateRequest(incoming, authenticator)
 *   return mcp.fetch(incoming, { authInfo })
 * }
 * ```
 */
export async function authenticateRequest<C>(
  request: Request,
  authenticator: Authenticator<C>,
): Promise<Authenticated<C>> {
  const { headers, method, url } = request
  return authenticated({ headers, method, url }, authenticator)
}
