import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { isIdentityError } from '../errors.ts'
import type { Claims, Identity } from '../identity.ts'
import { assertOptions, headerName, type OptionNames } from '../internal/options.ts'
import type { Issuer } from '../issuer/issuer.ts'
import type { VerifiedToken } from '../issuer/verified-token.ts'
import type { Store } from '../stores/store.ts'
import { asRepeatable } from '../verdicts/conditions.ts'
import { createFirstGateway } from './first-gateway.ts'
import {
  broken,
  requireClients,
  type VerifiedGateway,
  verifyGateway,
  withinTenants,
} from './gateway-token.ts'
import { assertIssuer, namesIssuer, type Source, toIdentity, verifyBy } from './source.ts'

/**
 * What ties the user's token to the gateway that forwarded it.
 *
 * - `'audience'`: the token is for this server too; its issuer's `audience` says so.
 * - `'client'`: the token was issued to the gateway's client (`azp` or `client_id`). Ids are
 *   compared as text: where `issuer` and `gateway` differ, both must know the gateway by the same id.
 * - `'actor'`: the outermost `act` is the gateway (RFC 8693 section 4.1).
 * - `'trust-gateway'`: the token is for the gateway, and we rely on the gateway having accepted it. MCP
 *   forbids servers to accept tokens that were not issued for them; choose this one knowingly.
 */
export type BindingRule = 'audience' | 'client' | 'actor' | 'trust-gateway'

const bindingRules: readonly string[] = ['audience', 'client', 'actor', 'trust-gateway']

export interface ForwardedOptions<C = Claims> {
  /** Header that carries the user's token, for example `x-user-token`. */
  readonly header: string
  /** Who issues users' tokens. */
  readonly issuer: Issuer<C>
  /** Who issues the gateway's machine token; its `clients` are the gateways that may forward. */
  readonly gateway: Issuer<unknown>
  /** Rules that must all hold. */
  readonly bind: BindingRule | readonly BindingRule[]
  /**
   * Accepts the gateway without a user, as a `service`, and shows it every item of a list: for its
   * own list synchronization. Its calls are still authorized. Default: without a user it is refused.
   */
  readonly gatewayMayList?: boolean
  /**
   * Keeps a user's token (its `jti`, which is then required) to the gateway that presented it
   * first, where several may forward; share it between processes. Default: any of them may.
   */
  readonly presented?: Store
}

const knownOptions: OptionNames<ForwardedOptions> = {
  header: true,
  issuer: true,
  gateway: true,
  bind: true,
  gatewayMayList: true,
  presented: true,
}

/**
 * A second header carries the user's token, and `Authorization` the gateway's machine token. Both
 * must verify, each by its own issuer's rules, and the first must be bound to the second.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function forwarded<C = Claims>(options: ForwardedOptions<C>): Source<C | Claims> {
  const { issuer, gateway: gatewayIssuer, gatewayMayList = false } = options
  const header = headerName(options.header, 'header')
  if (header === 'authorization') throw new TypeError('header must not be Authorization')
  assertIssuer(issuer, 'issuer')
  requireClients(gatewayIssuer, 'gateway')
  const rules = toRules(options.bind)
  if (rules.includes('audience') && issuer.audiences === undefined) {
    throw new TypeError("bind: 'audience' needs an issuer with an audience")
  }
  const keepToFirst = options.presented && createFirstGateway(options.presented)
  assertOptions('forwarded', options, knownOptions)
  const known = [issuer, gatewayIssuer]

  const hasGateway = (credentials: Credentials): boolean =>
    namesIssuer(credentials, 'authorization', known)
  const lacksUser = (credentials: Credentials): boolean =>
    namesIssuer(credentials, 'authorization', [gatewayIssuer]) && !credentials.present.has(header)

  async function identify(
    credentials: Credentials,
    context: Context,
  ): Promise<Identity<C | Claims>> {
    const credential = credentials.token(header)
    const authorization = credentials.token('authorization')
    if (credential !== undefined && credential.text === authorization?.text) {
      throw broken('binding_same_token')
    }
    if (credential !== undefined && isSwapped(credentials)) throw broken('binding_roles_swapped')
    const sender = await verifyGateway(gatewayIssuer, credentials, context)
    const { gateway, token } = sender
    if (credential === undefined) {
      const provenance = { source: 'forwarded', gateway, gatewayMayList } as const
      return toIdentity({ ...token, claims: token.exposed }, provenance)
    }
    const user = await verifyBy(issuer, credential, context).catch(unreadableActor(rules))
    bind(user, sender, gatewayIssuer, rules)
    const within = withinTenants(user, token)
    await keepToFirst?.(user, sender, context)
    return toIdentity(
      { ...user, ...within },
      { source: 'forwarded', gateway, until: token.expiresAt },
    )
  }

  /** Each token names the other's issuer, and the two names differ. */
  function isSwapped(credentials: Credentials): boolean {
    return (
      !namesIssuer(credentials, 'authorization', [gatewayIssuer]) ||
      !namesIssuer(credentials, header, [issuer])
    )
  }

  const source = Object.freeze<Source<C | Claims>>({
    kind: 'forwarded',
    tokenHeaders: ['authorization', header],
    valueHeaders: [],
    issuers: known,
    authorizationIssuer: gatewayIssuer,
    subjectHeader: header,
    applies: (credentials: Credentials) =>
      (hasGateway(credentials) && namesIssuer(credentials, header, known)) ||
      (gatewayMayList && lacksUser(credentials)),
    missing: (credentials: Credentials) => (lacksUser(credentials) ? 'obo_missing' : undefined),
    identify,
  })
  // Who presented a token first is another question for each request.
  return keepToFirst === undefined ? asRepeatable(source) : source
}

function toRules(bind: ForwardedOptions['bind']): readonly BindingRule[] {
  const rules = typeof bind === 'string' ? [bind] : bind
  const valid = Array.isArray(rules) && rules.length > 0
  if (valid && rules.every((rule) => bindingRules.includes(rule))) return [...rules]
  throw new TypeError(`bind must name at least one of ${bindingRules.join(', ')}`)
}

function bind(
  user: VerifiedToken<unknown>,
  sender: VerifiedGateway,
  gatewayIssuer: Issuer<unknown>,
  rules: readonly BindingRule[],
): void {
  const { gateway } = sender
  // The gateway's own token instead of a user token, or another service's.
  if (user.kind !== 'user') throw broken('binding_roles_swapped')
  if (rules.includes('client') && user.client !== gateway.client) {
    throw broken('binding_client', { expected: gatewayIssuer.clients ?? [] })
  }
  if (rules.includes('actor') && !isActor(user, sender, gatewayIssuer)) {
    throw broken('binding_actor', { claim: 'act', expected: gatewayIssuer.clients ?? [] })
  }
}

/** Where the actor is what binds, an `act` that cannot be read binds nobody. */
function unreadableActor(rules: readonly BindingRule[]): (error: unknown) => never {
  return (error) => {
    const unreadable = isIdentityError(error) && error.reason === 'bad_act'
    throw unreadable && rules.includes('actor') ? broken('binding_actor', error.failure) : error
  }
}

/**
 * Whether the outermost actor is the gateway: by its client id or by the `sub` of its own token, as
 * issuers write either. An `act` without `iss` is of the issuer of the token that it is in.
 */
function isActor(
  { actor, issuer: userIssuer }: VerifiedToken<unknown>,
  { gateway, token }: VerifiedGateway,
  gatewayIssuer: Issuer<unknown>,
): boolean {
  if (actor === undefined) return false
  const { subject, issuer = userIssuer } = actor
  const isOfGateway = issuer === gateway.issuer || gatewayIssuer.issuers.includes(issuer)
  return isOfGateway && [gateway.client, token.subject, token.verified['sub']].includes(subject)
}
