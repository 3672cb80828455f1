import {
  type Authenticator,
  type AuthenticatorEvent,
  type Claims,
  createAuthenticator,
  direct,
  type Identity,
  type Issuer,
  type StandardSchema,
} from '@onbehalf/core'
import { assertOptions, type OptionNames, toSchema } from '@onbehalf/core/internal'
import type { Named } from '../lambda-context.ts'
import type { OnBehalfOf } from './on-behalf-of.ts'
import type { TriggerRefusalReason } from './refusal.ts'
import { assertFreeClaim } from './reserved-claims.ts'

/**
 * What a trigger did: whether the token that Cognito issues to `client` is on behalf of a user, or the
 * client's own. It never holds a token or a claim: wire it to logs.
 */
export type TriggerEvent =
  | ({ readonly type: 'user' | 'service'; readonly client: string } & Named)
  | ({
      readonly type: 'token_request_refused'
      readonly client: string | undefined
      readonly reason: TriggerRefusalReason
      /** The rule that refused the user's token (as in `IdentityError.reason`) or the claim. */
      readonly detail?: string
    } & Named)
  | AuthenticatorEvent

/** Options of {@link preTokenTrigger}. */
export interface PreTokenTriggerOptions<C = Claims> {
  /**
   * App clients that may vouch for users, by client id, each with the issuers of the users it may
   * vouch for. Any other client that sends a user token is refused; without one it gets the token it
   * would get anyway.
   */
  readonly vouchers: Readonly<Record<string, Issuer | readonly Issuer[]>>
  /** What a client that may vouch gets without a user token. */
  readonly withoutUser: 'refuse' | 'machine-only'
  /** Name of the claim that holds the user, as in `enriched`. Default `onBehalfOf`. */
  readonly userClaim?: string
  /**
   * Schema of that claim (zod or any Standard Schema). Give the same object to `enriched`: a claim
   * that the server would not understand is then never issued. The claim is issued as it was checked,
   * not as the schema transforms it.
   */
  readonly schema?: StandardSchema<C>
  /**
   * What the claim holds besides {@link OnBehalfOf}. Default nothing. A name that says who the user is
   * (`sub`, `organization`, `roles`, `iat` and others) refuses the token request.
   */
  readonly map?: (user: Identity) => Omit<NoInfer<C>, keyof OnBehalfOf>
  /**
   * Further claims of the access token itself, by name: for policies that cannot look into an
   * object. `undefined` leaves one out.
   */
  readonly flat?: Readonly<Record<string, (user: Identity) => unknown>>
  /** Longest claim, in bytes of JSON. Default 2048: the token travels in headers. */
  readonly maxClaimBytes?: number
  /** Seconds for one event, above 0 and below the 5 that Cognito waits. Default 4. */
  readonly timeoutSeconds?: number
  /** Seconds since 1970. Default the system clock. */
  readonly clock?: () => number
  /** Called with what happened. Whatever it throws is ignored. */
  readonly onEvent?: (event: TriggerEvent) => void
}

/** The options after defaults were applied. */
export interface TriggerSettings {
  readonly vouchers: ReadonlyMap<string, Authenticator>
  readonly required: boolean
  readonly userClaim: string
  readonly schema: StandardSchema<unknown> | undefined
  readonly map: (user: Identity) => object
  readonly flat: readonly (readonly [string, (user: Identity) => unknown])[]
  readonly maxClaimBytes: number
  readonly timeoutSeconds: number
}

const known: OptionNames<PreTokenTriggerOptions> = {
  vouchers: true,
  withoutUser: true,
  userClaim: true,
  schema: true,
  map: true,
  flat: true,
  maxClaimBytes: true,
  timeoutSeconds: true,
  clock: true,
  onEvent: true,
}

/** @throws TypeError naming the option that is missing or wrong */
export function toTriggerSettings<C>(
  options: PreTokenTriggerOptions<C>,
  report: (event: TriggerEvent) => void,
): TriggerSettings {
  assertOptions('preTokenTrigger', options, known)
  const { userClaim = 'onBehalfOf', withoutUser, map = () => ({}), flat = {} } = options
  if (withoutUser !== 'refuse' && withoutUser !== 'machine-only') {
    throw new TypeError("withoutUser must be 'refuse' or 'machine-only'")
  }
  assertFreeClaim(userClaim, 'userClaim')
  if (typeof map !== 'function') throw new TypeError('map must be a function')
  for (const [name, read] of Object.entries(flat)) {
    assertFreeClaim(name, 'flat')
    if (typeof read !== 'function') throw new TypeError(`flat: "${name}" needs a function`)
  }
  if (Object.hasOwn(flat, userClaim)) throw new TypeError('flat must not name the userClaim')
  return {
    vouchers: toVouchers(options, report),
    required: withoutUser === 'refuse',
    userClaim,
    schema: toSchema(options.schema),
    map,
    flat: Object.entries(flat),
    maxClaimBytes: between(options.maxClaimBytes ?? 2048, 16_384, 'maxClaimBytes'),
    timeoutSeconds: between(options.timeoutSeconds ?? 4, 4.9, 'timeoutSeconds'),
  }
}

function between(value: number, highest: number, option: string): number {
  if (value > 0 && value <= highest) return value
  throw new TypeError(`${option} must be above 0 and at most ${highest}`)
}

// The trigger is not called over HTTP: its authenticators publish nothing under this name.
const resource = 'https://pre-token-trigger.invalid'

function toVouchers(
  { vouchers, clock }: Pick<PreTokenTriggerOptions, 'vouchers' | 'clock'>,
  onEvent: (event: TriggerEvent) => void,
): ReadonlyMap<string, Authenticator> {
  const entries = Object.entries(vouchers ?? {})
  if (entries.length === 0) throw new TypeError('vouchers must name at least one client')
  return new Map(
    entries.map(([client, issuers]) => {
      if (client === '') throw new TypeError('vouchers must not name an empty client')
      const sources = [issuers].flat().map((issuer) => direct({ issuer }))
      return [client, createAuthenticator({ resource, sources, onEvent, ...(clock && { clock }) })]
    }),
  )
}
