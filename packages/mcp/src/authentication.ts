import {
  type Authenticator,
  type CredentialRequest,
  createRefusal,
  type Identity,
  isIdentityError,
  type Refusal,
} from '@onbehalf/core'
import { type AuthInfo, createAuthInfo } from '@onbehalf/core/auth-info'
import { type Awaitable, authenticateNow } from '@onbehalf/core/internal'
import type { Settings } from './protection.ts'

/** Authenticates the requests of one server. */
export interface Authentication {
  /**
   * The record of a verified caller; undefined for a guest. A promise only where there is something to
   * wait for.
   *
   * @throws IdentityError by rejecting
   */
  authenticate(request: CredentialRequest): Awaitable<AuthInfo | undefined>
  /** The answer to a request that was refused. */
  refuse(thrown: unknown): Refusal
}

export function createAuthentication(
  authenticator: Authenticator<unknown>,
  { acceptsGuests, audit, report }: Settings,
): Authentication {
  const options = { acceptsGuests, audit, onEvent: report }
  const toInfo = (identity: Identity<unknown>): AuthInfo => createAuthInfo(identity, authenticator)
  const asGuest = (error: unknown): undefined => {
    if (acceptsGuests && isIdentityError(error) && error.reason === 'no_credential') return
    throw error
  }
  return {
    authenticate: (request) => {
      const found = authenticateNow(authenticator, request, options)
      return found instanceof Promise ? found.then(toInfo, asGuest) : toInfo(found)
    },
    refuse: (thrown) => createRefusal(thrown, authenticator),
  }
}
