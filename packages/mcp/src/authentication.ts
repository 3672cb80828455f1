import {
  type Authenticator,
  type CredentialRequest,
  createRefusal,
  isIdentityError,
  type Refusal,
} from '@onbehalf/core'
import { type AuthInfo, createAuthInfo } from '@onbehalf/core/auth-info'
import type { Settings } from './protection.ts'

/** Authenticates the requests of one server. */
export interface Authentication {
  /**
   * The record of a verified caller; undefined for a guest.
   *
   * @throws IdentityError
   */
  authenticate(request: CredentialRequest): Promise<AuthInfo | undefined>
  /** The answer to a request that was refused. */
  refuse(thrown: unknown): Refusal
}

export function createAuthentication(
  authenticator: Authenticator<unknown>,
  { acceptsGuests, audit, report }: Settings,
): Authentication {
  const options = { acceptsGuests, audit, onEvent: report }
  return {
    authenticate: async (request) => {
      try {
        const identity = await authenticator.authenticate(request, options)
        return createAuthInfo(identity, authenticator)
      } catch (error) {
        if (acceptsGuests && isIdentityError(error) && error.reason === 'no_credential') return
        throw error
      }
    },
    refuse: (thrown) => createRefusal(thrown, authenticator),
  }
}
