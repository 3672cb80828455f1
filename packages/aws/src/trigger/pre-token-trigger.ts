import { type Authenticator, asIdentityError, type Claims, type Identity } from '@onbehalf/core'
import { toReport } from '../observer.ts'
import { composeClaims } from './compose-claims.ts'
import type { PreTokenGenerationEvent } from './event.ts'
import {
  type PreTokenTriggerOptions,
  type TriggerEvent,
  type TriggerRules,
  toTriggerRules,
} from './options.ts'
import { parseTokenRequest } from './parse-token-request.ts'
import { TriggerRefusal } from './refusal.ts'
import { withDeadline } from './with-deadline.ts'

/** Handler of a Lambda function. Made by {@link preTokenTrigger}. */
export interface PreTokenTrigger {
  /** @throws TriggerRefusal and nothing else; then Cognito issues no token */
  <E extends PreTokenGenerationEvent>(event: E): Promise<E>
  /**
   * Loads the keys of every issuer: await it where the handler is made, so that it happens while the
   * function starts. It never fails: an issuer that is out of reach must not keep persons of the same
   * user pool from signing in, and its keys are asked for again when they are needed.
   */
  ready(): Promise<void>
}

const CLIENT_CREDENTIALS = 'TokenGeneration_ClientCredentials'

/**
 * Puts the person into the machine token that a gateway asks Amazon Cognito for: the handler of a pre
 * token generation trigger, version `V3_0`. The gateway sends the person's access token as
 * `onBehalfOfToken` in `aws_client_metadata`; it is verified by every rule of its issuer, and the
 * access token that Cognito issues says in `onBehalfOf` whom it is for.
 *
 * Events of sign-ins pass unchanged. Does NOT shorten the token to the life of the person's token
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
  const report = toReport(options.onEvent)
  const rules = toTriggerRules(options, report)

  async function trigger<E extends PreTokenGenerationEvent>(event: E): Promise<E> {
    if (event?.triggerSource !== CLIENT_CREDENTIALS) return event
    try {
      const late = (): Error => new TriggerRefusal('unavailable', 'timeout')
      const claims = await withDeadline(rules.timeoutSeconds, toClaims(event, rules), late)
      const client = event.callerContext.clientId
      report({ type: claims === undefined ? 'machine' : 'person', client })
      return claims === undefined ? event : { ...event, response: toResponse(claims) }
    } catch (thrown) {
      const refusal = asRefusal(thrown)
      report(toEvent(refusal, event.callerContext?.clientId))
      throw refusal
    }
  }

  return Object.assign(trigger, { ready: () => warmUp(rules) })
}

/** What goes into the access token; nothing when no person is behind the request. */
async function toClaims(
  event: PreTokenGenerationEvent,
  rules: TriggerRules,
): Promise<object | undefined> {
  const { client, userToken } = parseTokenRequest(event)
  const authenticator = rules.vouchers.get(client)
  if (userToken === undefined) {
    if (authenticator && rules.required) throw new TriggerRefusal('user_token_missing')
    return undefined
  }
  if (authenticator === undefined) throw new TriggerRefusal('client_may_not_vouch')
  const person = await verify(authenticator, userToken)
  if (person.kind !== 'user') throw new TriggerRefusal('not_a_person')
  return composeClaims(person, client, rules)
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

/** What a function of the user's threw may quote claims: it goes nowhere. */
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

async function warmUp({ vouchers, timeoutSeconds }: TriggerRules): Promise<void> {
  const loads = [...vouchers.values()].map((authenticator) => authenticator.ready())
  const late = (): Error => new TriggerRefusal('unavailable', 'timeout')
  // Each failed load was reported by its authenticator.
  await withDeadline(timeoutSeconds, Promise.allSettled(loads), late).catch(() => {})
}
