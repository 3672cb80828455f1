import type { AuditTrail } from '../audit.ts'
import type { AuthenticatorEvent } from '../context.ts'
import type { CredentialRequest } from '../credentials/header-lines.ts'
import type { Identity } from '../identity.ts'
import type { Awaitable } from '../internal/promises.ts'
import { recordRefusal, toRefusal } from './record-refusal.ts'
import { type Attempt, RequestVerifier, type VerifierSettings } from './request-verifier.ts'

/** Who else is notified about one request, beside what the authenticator was given. */
export interface AuthenticateOptions {
  /** Records a refusal, unless the authenticator has its own trail. */
  readonly audit?: AuditTrail | undefined
  /** The caller serves requests without a credential: these are neither reported nor recorded. */
  readonly acceptsGuests?: boolean
  /** Called with every event of this request. It must not throw. */
  readonly onEvent?: ((event: AuthenticatorEvent) => void) | undefined
}

/** What every request of one authenticator is judged by. */
export interface AuthenticationSettings extends VerifierSettings {
  readonly audit: AuditTrail | undefined
  readonly report: Attempt['report']
}

/** The way of a request. It makes a promise only where there is something to wait for; failures reject. */
export type AuthenticateNow<C> = (
  request: CredentialRequest,
  options?: AuthenticateOptions,
) => Awaitable<Identity<C>>

/** Builds the way of a request: its credentials are read, one source is chosen, and it decides. */
export function createAuthenticate<C>(settings: AuthenticationSettings): AuthenticateNow<C> {
  const { audit, report } = settings
  const verifier = new RequestVerifier(settings)

  return (request, more = {}) => {
    const tell = more.onEvent === undefined ? report : both(report, more.onEvent)
    const attempt: Attempt = { request, report: tell }
    const refuse = (thrown: unknown): Promise<never> =>
      refuseAttempt(attempt, thrown, { ...more, audit: audit ?? more.audit })
    try {
      const identity = verifier.identify(attempt) as Awaitable<Identity<C>>
      return identity instanceof Promise ? identity.catch(refuse) : identity
    } catch (thrown) {
      return refuse(thrown)
    }
  }
}

async function refuseAttempt(
  { request, credentials, source, report, found }: Attempt,
  thrown: unknown,
  { audit, acceptsGuests }: AuthenticateOptions,
): Promise<never> {
  const error = toRefusal(thrown, source, found?.resource)
  if (acceptsGuests && error.reason === 'no_credential') throw error
  const { code, reason, failure, requestId = '', resource } = error
  report({ type: 'refused', code, reason, failure, requestId, ...(resource && { resource }) })
  throw await recordRefusal(audit, { request, credentials, error })
}

function both(one: Attempt['report'], other: Attempt['report']): Attempt['report'] {
  return (event) => {
    one(event)
    other(event)
  }
}
