import {
  type Authenticator,
  type AuthenticatorOptions,
  createAuthenticator,
  type IdentityError,
  memoryStore,
  type Revocation,
  type Source,
} from '@onbehalf/core'
import { now, resource } from '../support/world.ts'

export type Setup = Partial<AuthenticatorOptions<readonly Source<unknown>[]>>

type RequestHeaders = Readonly<Record<string, string>>

export interface RevokingServer {
  readonly authenticator: Authenticator<unknown>
  readonly setTime: (seconds: number) => void
  readonly revoke: (revocation: Revocation) => Promise<void>
  readonly verdict: (headers: RequestHeaders) => Promise<string>
}

/** An authenticator whose clock can be moved, and its verdict: the subject, or the reason. */
export function start(sources: readonly Source<unknown>[], setup: Setup = {}): RevokingServer {
  let time = now
  const monotonic = (): number => time
  const authenticator = createAuthenticator({
    resource,
    sources,
    clock: () => time,
    revocations: memoryStore({ monotonic }),
    ...setup,
  })
  return {
    authenticator,
    setTime: (seconds: number) => {
      time = seconds
    },
    revoke: (revocation: Revocation) => authenticator.revoke(revocation),
    verdict: (headers: Readonly<Record<string, string>>) =>
      authenticator.authenticate({ headers }).then(
        ({ subject }) => subject,
        (error: IdentityError) => `${error.status} ${error.reason}`,
      ),
  }
}

export const bearer = (token: string): RequestHeaders => ({ authorization: `Bearer ${token}` })

export const revoked = '401 revoked'
