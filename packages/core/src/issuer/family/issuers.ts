import type { Claims } from '../../identity.ts'
import { assertOptions, type OneOrMore, type OptionNames } from '../../internal/options.ts'
import type { Awaitable } from '../../internal/promises.ts'
import type { Algorithm } from '../../token/algorithm.ts'
import type { RequiredClaims } from '../claim-options.ts'
import { type Issuer, type IssuerOptions, issuer, issuerOptionNames } from '../issuer.ts'
import { createFamily, type FamilyLimits } from './family.ts'
import { toMonotonic, toTenantServers } from './options.ts'

/** What differs for one issuer on the list: plain data, as a table has it. */
export interface ListedIssuer {
  /** Default: those that its metadata names. */
  readonly jwksUri?: string
  readonly clients?: OneOrMore<string>
  readonly scopes?: OneOrMore<string>
  readonly algorithms?: readonly Algorithm[]
  readonly requiredClaims?: RequiredClaims
}

export interface IssuersOptions<C = Claims>
  extends Omit<IssuerOptions<C>, 'iss' | 'keys'>,
    FamilyLimits {
  /**
   * Looks an exact `iss` up: what is special about that issuer (`{}` for nothing), or undefined for one
   * that is not yours. It is asked before anything else of a token is looked at, so it must not fetch
   * what the name leads to. May be asynchronous; a failure refuses as `DOWN`.
   */
  readonly find: (iss: string) => Awaitable<ListedIssuer | undefined>
}

const rowNames: OptionNames<ListedIssuer> = {
  jwksUri: true,
  clients: true,
  scopes: true,
  algorithms: true,
  requiredClaims: true,
}

const { iss: _iss, keys: _keys, ...commonNames } = issuerOptionNames
const knownOptions: OptionNames<IssuersOptions> = {
  ...commonNames,
  find: true,
  listSeconds: true,
  maxIssuers: true,
}

// Nobody can be there (RFC 2606).
const nobody = 'https://issuer.invalid'

/**
 * Issuers that are looked up at run time, by the exact `iss` of a token: one for each customer who brings
 * their own, from a table. It is closed as any issuer is: what the list does not have is refused, and
 * nothing is fetched for it.
 *
 * A source with it takes every JWT in its header, whatever its `iss`: put it behind the others.
 *
 * @throws TypeError naming the option that is missing or wrong
 *
 * @example
 * ```ts
 * const customers = new Map([['https://id.acme.example', { clients: 'acme-agent' }]])
 * const tenants = issuers({ find: (iss) => customers.get(iss), audience: resource, kind: 'by-client' })
 * const own = createAuthenticator({ resource, sources: [direct({ issuer: tenants })] })
 * ```
 */
export function issuers<C = Claims>(options: IssuersOptions<C>): Issuer<C> {
  const { find, listSeconds, maxIssuers, authorizationServers, ...common } = options
  assertOptions('issuers', options, knownOptions)
  if (typeof find !== 'function') throw new TypeError('find must be a function')
  return createFamily<ListedIssuer, C>({
    find,
    ...(listSeconds !== undefined && { listSeconds }),
    ...(maxIssuers !== undefined && { maxIssuers }),
    memberOf: (iss) => iss,
    create: (iss, row) => create(iss, row, common),
    sample: issuer<C>({ ...common, iss: nobody }),
    authorizationServers: toTenantServers(authorizationServers, common),
    monotonic: toMonotonic(common),
  })
}

function create<C>(
  iss: string,
  row: ListedIssuer,
  common: Omit<IssuerOptions<C>, 'iss' | 'keys'>,
): ReturnType<typeof issuer<C>> {
  assertOptions('a listed issuer', row, rowNames)
  const { jwksUri, ...own } = row
  return issuer<C>({
    ...common,
    ...own,
    iss,
    ...(jwksUri !== undefined && { keys: { jwksUri } }),
  })
}
