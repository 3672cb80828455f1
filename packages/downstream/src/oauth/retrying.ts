import {
  OperationProcessingError,
  ResponseBodyError,
  UnsupportedOperationError,
  WWWAuthenticateChallengeError,
} from 'oauth4webapi'
import { GrantFault } from './fault.ts'

const maxAttempts = 3
const firstPauseSeconds = 0.25

/**
 * Repeats work that a busy or failing server refused (429, 5xx, no connection), twice at most, after
 * the pause that it asked for. A pause that does not fit into the time limit is reported instead.
 */
export async function retrying<T>(
  work: () => Promise<T>,
  limitSeconds: number,
  signal: AbortSignal,
): Promise<T> {
  const endsAt = performance.now() / 1000 + limitSeconds

  async function begin(attempt: number): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      const isLast = attempt === maxAttempts || signal.aborted || !isPassing(thrown)
      const pause = pauseSeconds(responseOf(thrown), attempt)
      if (isLast || performance.now() / 1000 + pause > endsAt) throw thrown
      await wait(pause, signal)
      return begin(attempt + 1)
    }
  }

  return begin(1)
}

/** Seconds to wait: `Retry-After`, or 0.25, 0.5 ... and up to a quarter more. */
export function pauseSeconds(response: Response | undefined, attempt: number): number {
  const asked = retryAfterOf(response)
  return asked ?? firstPauseSeconds * 2 ** (attempt - 1) * (1 + Math.random() / 4)
}

/** `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3). */
function retryAfterOf(response: Response | undefined): number | undefined {
  const value = response?.headers.get('retry-after')
  if (value === null || value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value)
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000)
}

export async function wait(seconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, seconds * 1000)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

function isPassingStatus(status: number): boolean {
  return status === 429 || (status >= 500 && status !== 501)
}

function isPassing(thrown: unknown): boolean {
  if (thrown instanceof GrantFault) return false
  const response = responseOf(thrown)
  return response === undefined ? thrown instanceof TypeError : isPassingStatus(response.status)
}

function responseOf(thrown: unknown): Response | undefined {
  const { response, cause } = (thrown ?? {}) as { response?: unknown; cause?: unknown }
  if (response instanceof Response) return response
  return cause instanceof Response ? cause : undefined
}

/** Whatever a token endpoint did, in the closed list of this package. */
export function toFault(thrown: unknown): GrantFault {
  if (thrown instanceof GrantFault) return thrown
  if (thrown instanceof ResponseBodyError) return answered(thrown)
  if (thrown instanceof WWWAuthenticateChallengeError) {
    const said = { status: thrown.status, error: 'invalid_client', description: undefined }
    return new GrantFault('REFUSED', { reason: 'client_refused' }, said)
  }
  const response = responseOf(thrown)
  const isAnswered =
    thrown instanceof OperationProcessingError || thrown instanceof UnsupportedOperationError
  if (response === undefined ? !isAnswered : isPassingStatus(response.status)) {
    const retryAfterSeconds = retryAfterOf(response)
    return new GrantFault('DOWN', { reason: 'token_endpoint_unavailable', retryAfterSeconds })
  }
  return new GrantFault('REFUSED', { reason: 'token_endpoint_answer_malformed' })
}

type Reason = readonly [code: 'CONSENT' | 'STEP_UP' | 'SCOPE' | 'REFUSED', reason: string]

const reasons: ReadonlyMap<string, Reason> = new Map<string, Reason>([
  // OpenID Connect Core 1.0 section 3.1.2.6; Entra and others answer exchanges with them.
  ['interaction_required', ['CONSENT', 'interaction_required']],
  ['login_required', ['CONSENT', 'login_required']],
  ['consent_required', ['CONSENT', 'consent_required']],
  // RFC 9470 section 3.
  ['insufficient_user_authentication', ['STEP_UP', 'insufficient_user_authentication']],
  ['unmet_authentication_requirements', ['STEP_UP', 'insufficient_user_authentication']],
  ['invalid_scope', ['SCOPE', 'scope_refused']],
  ['insufficient_scope', ['SCOPE', 'insufficient_scope']],
  ['invalid_client', ['REFUSED', 'client_refused']],
  ['unauthorized_client', ['REFUSED', 'grant_not_allowed']],
  ['unsupported_grant_type', ['REFUSED', 'grant_not_supported']],
  ['invalid_target', ['REFUSED', 'target_refused']],
  // RFC 8693 section 2.2.2 and RFC 6749 section 5.2: mostly the subject's token.
  ['invalid_request', ['REFUSED', 'exchange_refused']],
  ['invalid_grant', ['REFUSED', 'exchange_refused']],
  ['access_denied', ['REFUSED', 'access_denied']],
])

function answered({ error, error_description, status, cause, response }: ResponseBodyError) {
  const said = { status, error, description: error_description }
  if (isPassingStatus(status) || error === 'temporarily_unavailable') {
    const retryAfterSeconds = retryAfterOf(response)
    return new GrantFault('DOWN', { reason: 'token_endpoint_unavailable', retryAfterSeconds }, said)
  }
  // Entra says `invalid_grant`, and what it means beside it.
  const { suberror } = cause
  const known = typeof suberror === 'string' ? reasons.get(suberror) : undefined
  const [code, reason] = known ?? reasons.get(error) ?? ['REFUSED', 'exchange_refused']
  return new GrantFault(code, { reason }, said)
}
