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
import type { OnBehalfOf } from './on-behalf-of.ts'
import type { TriggerRefusalReason } from './refusal.ts'
import { assertFreeClaim } from './reserved-claims.ts'

/** What a trigger did. It holds no token and no claim: wire it to logs. */
export type TriggerEvent =
  | { readonly type: 'person'; readonly client: string }
  | { readonly type: 'machine'; readonly client: string }
  | {
      readonly type: 'token_request_refused'
      readonly client: string | undefined
      readonly reason: TriggerRefusalReason
      /** The rule that refused the person's token, as in `IdentityError.reason`. */
      readonly detail?: string
    }
  | AuthenticatorEvent

/** Options of {@link preTokenTrigger}. */
export interface PreTokenTriggerOptions<C = Claims> {
  /**
   * App clients that may vouch for persons, by client id, each with the issuers of the persons it
   * may vouch for. Any other client that sends a user token is refused; without one it gets the
   * token it would get anyway.
   */
  readonly vouchers: Readonly<Record<string, Issuer | readonly Issuer[]>>
  /** What a client that may vouch gets without a user token. */
  readonly withoutUser: 'refuse' | 'machine-only'
  /** Name of the claim that holds the person. Default `onBehalfOf`. */
  readonly claim?: string
  /**
   * Schema of that claim (zod or any Standard Schema). Give the same object to `enriched`: a claim
   * that the server would not understand is then never issued. What is written is what was checked,
   * not what the schema makes of it.
   */
  readonly claims?: StandardSchema<C>
  /** What the claim holds besides {@link OnBehalfOf}. Default nothing. */
  readonly map?: (person: Identity) => Omit<NoInfer<C>, keyof OnBehalfOf>
  /**
   * Further claims of the access token itself, by name: for policies that cannot look into an
   * object. `undefined` leaves one out.
   */
  readonly flat?: Readonly<Record<string, (person: Identity) => unknown>>
  /** Longest claim, in bytes of JSON. Default 2048: the token travels in headers. */
  readonly maxClaimBytes?: number
  /** Seconds for one event, above 0 and below the 5 that Cognito waits. Default 4. */
  readonly timeoutSeconds?: number
  /** Seconds since 1970. Default the system clock. */
  readonly clock?: () => number
  /** Told what happened. A throw or a rejection in it changes nothing. */
  readonly onEvent?: (event: TriggerEvent) => void
}

/** The options after defaults were applied. */
export interface TriggerRules {
  readonly vouchers: ReadonlyMap<string, Authenticator>
  readonly required: boolean
  readonly claim: string
  readonly schema: StandardSchema<unknown> | undefined
  readonly map: (person: Identity) => object
  readonly flat: readonly (readonly [string, (person: Identity) => unknown])[]
  readonly maxClaimBytes: number
  readonly timeoutSeconds: number
}

/** @throws TypeError naming the option that is missing or wrong */
export function toTriggerRules<C>(
  options: PreTokenTriggerOptions<C>,
  report: (event: TriggerEvent) => void,
): TriggerRules {
  const { claim = 'onBehalfOf', withoutUser, map = () => ({}), flat = {} } = options
  if (withoutUser !== 'refuse' && withoutUser !== 'machine-only') {
    throw new TypeError("withoutUser must be 'refuse' or 'machine-only'")
  }
  assertFreeClaim(claim, 'claim')
  for (const name of Object.keys(flat)) assertFreeClaim(name, 'flat')
  if (Object.hasOwn(flat, claim)) throw new TypeError('flat must not name the claim')
  return {
    vouchers: toVouchers(options, report),
    required: withoutUser === 'refuse',
    claim,
    schema: options.claims,
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

// Nobody calls the trigger by HTTP: its authenticators publish nothing under this name.
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
