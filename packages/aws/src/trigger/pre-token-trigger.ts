import { type Authenticator, asIdentityError, type Claims, type Identity } from '@onbehalf/core'
import { toObserver, withDeadline } from '@onbehalf/core/internal'
import { type LambdaContext, requestIdOf } from '../lambda-context.ts'
import { composeClaims } from './compose-claims.ts'
import type { PreTokenGenerationEvent } from './event.ts'
import {
  type PreTokenTriggerOptions,
  type TriggerEvent,
  type TriggerSettings,
  toTriggerSettings,
} from './options.ts'
import { parseTokenRequest } from './parse-token-request.ts'
import { TriggerRefusal } from './refusal.ts'

/** Handler of a Lambda function. Made by {@link preTokenTrigger}. */
export interface PreTokenTrigger {
  /** @throws TriggerRefusal and nothing else; then Cognito issues no token */
  <E extends PreTokenGenerationEvent>(event: E, context?: LambdaContext): Promise<E>
  /**
   * Loads the keys of every issuer: await it where the handler is created, so that it happens while the
   * function starts. It never fails: an issuer that cannot be reached must not keep users of the same
   * user pool from signing in, and its keys are fetched again when they are needed.
   */
  ready(): Promise<void>
}

const CLIENT_CREDENTIALS = 'TokenGeneration_ClientCredentials'

/**
 * Adds the user to the machine token that a gateway requests from Amazon Cognito: the handler of a pre
 * token generation trigger, version `V3_0`. The gateway sends the user's access token as
 * `onBehalfOfToken` in `aws_client_metadata`; it is verified by every rule of its issuer, and the
 * access token that Cognito issues names the user in `onBehalfOf`.
 *
 * Events of sign-ins pass unchanged. Does NOT shorten the token to the lifetime of the user's token
 * (Cognito lets no trigger do that): keep the client's access tokens short.
 *
 * @example
 * ```ts
 * const handler = preTokenTrigger({
 *   vouchers: { '7gatewayclientid00example': people },
 *   withoutUser: 'machine-only',
 * })
 * await handler.ready()
 * ```
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function preTokenTrigger<C = Claims>(options: PreTokenTriggerOptions<C>): PreTokenTrigger {
  const report = toObserver(options?.onEvent)
  const settings = toTriggerSettings(options, report)

  async function trigger<E extends PreTokenGenerationEvent>(
    event: E,
    context?: LambdaContext,
  ): Promise<E> {
    if (event?.triggerSource !== CLIENT_CREDENTIALS) return event
    const named = requestIdOf(context)
    try {
      const claims = await inTime(settings, () => toClaims(event, settings))
      const client = event.callerContext.clientId
      report({ type: claims === undefined ? 'service' : 'user', client, ...named })
      return claims === undefined ? event : { ...event, response: toResponse(claims) }
    } catch (thrown) {
      const refusal = asRefusal(thrown)
      report({ ...toEvent(refusal, event.callerContext?.clientId), ...named })
      throw refusal
    }
  }

  return Object.assign(trigger, { ready: () => warmUp(settings) })
}

function inTime<T>({ timeoutSeconds }: TriggerSettings, work: () => Promise<T>): Promise<T> {
  return withDeadline(timeoutSeconds, work, () => new TriggerRefusal('unavailable', 'timeout'))
}

/** What is added to the access token; nothing if the request is not on behalf of a user. */
async function toClaims(
  event: PreTokenGenerationEvent,
  settings: TriggerSettings,
): Promise<object | undefined> {
  const { client, userToken } = parseTokenRequest(event)
  const authenticator = settings.vouchers.get(client)
  if (userToken === undefined) {
    if (authenticator && settings.required) throw new TriggerRefusal('user_token_missing')
    return undefined
  }
  if (authenticator === undefined) throw new TriggerRefusal('client_may_not_vouch')
  const user = await verify(authenticator, userToken)
  if (user.kind !== 'user') throw new TriggerRefusal('not_a_user')
  return composeClaims(user, client, settings)
}

async function verify(authenticator: Authenticator, token: string): Promise<Identity> {
  try {
    return await authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } })
  } catch (thrown) {
    const { code, reason } = asIdentityError(thrown)
    throw new TriggerRefusal(code === 'DOWN' ? 'unavailable' : 'user_token_refused', reason)
  }
}

function toResponse(claimsToAddOrOverride: object): object {
  const accessTokenGeneration = {
    claimsToAddOrOverride,
    claimsToSuppress: [],
    scopesToAdd: [],
    scopesToSuppress: [],
  }
  return { claimsAndScopeOverrideDetails: { accessTokenGeneration } }
}

/** What your functions throw may quote claims: it is dropped. */
function asRefusal(thrown: unknown): TriggerRefusal {
  return thrown instanceof TriggerRefusal ? thrown : new TriggerRefusal('unavailable', 'internal')
}

function toEvent({ reason, detail }: TriggerRefusal, client: string | undefined): TriggerEvent {
  return {
    type: 'token_request_refused',
    client,
    reason,
    ...(detail !== undefined && { detail }),
  }
}

async function warmUp(settings: TriggerSettings): Promise<void> {
  const loads = [...settings.vouchers.values()].map((authenticator) => authenticator.ready())
  // Each failed load was reported by its authenticator.
  await inTime(settings, () => Promise.allSettled(loads)).catch(() => {})
}
