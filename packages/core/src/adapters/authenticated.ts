import { type AuthInfo, createAuthInfo } from '../auth-info.ts'
import type { Authenticator } from '../authenticator/authenticator.ts'
import type { CredentialRequest } from '../credentials/header-lines.ts'
import type { Claims, Identity } from '../identity.ts'

/** What a request with a verified identity brings to its handler. */
export interface Authenticated<C = Claims> {
  readonly identity: Identity<C>
  /**
   * The record that MCP SDKs hand on to tools. Pass this very object: a copy carries no identity.
   */
  readonly authInfo: AuthInfo
}

export async function authenticated<C>(
  request: CredentialRequest,
  authenticator: Authenticator<C>,
): Promise<Authenticated<C>> {
  const identity = await authenticator.authenticate(request)
  return { identity, authInfo: createAuthInfo(identity, authenticator) }
}
