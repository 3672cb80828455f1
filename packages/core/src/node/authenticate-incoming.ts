import type { IncomingMessage } from 'node:http'
import { type Authenticated, authenticated } from '../adapters/authenticated.ts'
import type { Authenticator } from '../authenticator/authenticator.ts'
import { credentialRequest } from './credential-request.ts'

/**
 * The identity on whose behalf a Node request runs, and the record that MCP SDKs hand on to tools: it
 * belongs on `req.auth`, where their Node transports look for it.
 *
 * It reads the header lines as they arrived and the client certificate that TLS verified. It does not
 * check the `Origin` and `Host` headers, nor what the caller may do.
 *
 * @throws IdentityError with any code, and nothing else
 *
 * @example
 * ```ts
 * import type { AuthInfo } from '@onbehalf/core/auth-info'
 *
 * import type { IncomingMessage } from 'node:http'
 *
 * const serve = async (req: IncomingMessage & { auth?: AuthInfo }) => {
 *   req.auth = (await authenticateIncoming(req, authenticator)).authInfo
 * }
 * ```
 */
export function authenticateIncoming<C>(
  req: IncomingMessage,
  authenticator: Authenticator<C>,
): Promise<Authenticated<C>> {
  return authenticated(credentialRequest(req), authenticator)
}
